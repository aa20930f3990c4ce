import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../common/project-root";

/** A resource as `pulumi stack export --show-secrets` gives it, as far as it is used here. */
interface ExportedResource {
  urn: string;
  type: string;
  id?: string;
  custom: boolean;
  inputs?: Record<string, unknown>;
  dependencies?: string[];
  provider?: string;
}

interface Exported {
  version: number;
  deployment: { resources: ExportedResource[] };
}

const secretMark = "4dabf18193072939515e22adb298388d";

/**
 * Makes what one would have without this project: a plain compiled program with the very resources of a stack (same
 * types, inputs and dependencies, no components, no settings), and its state, so that its preview has nothing to change.
 *
 * @returns The program's folder, with a stack of the same name in a backend of its own.
 */
export function makeBareProgram(
  folder: string,
  stack: string,
  variables: Readonly<Record<string, string>>,
): Program & { readonly resources: number } {
  const pulumi = (args: string[], cwd: string, environment: Record<string, string | undefined>): string =>
    execFileSync("pulumi", [...args, "--non-interactive"], {
      cwd,
      env: { ...process.env, ...environment },
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
  const exported = JSON.parse(
    pulumi(["stack", "export", "--show-secrets", "-s", stack], projectRoot(), variables),
  ) as Exported;
  const flat = flatten(exported);

  mkdirSync(join(folder, "state"), { recursive: true });
  symlinkSync(join(projectRoot(), "node_modules"), join(folder, "node_modules"));
  const custom = flat.deployment.resources.filter(({ custom: isCustom }) => isCustom);
  writeFileSync(join(folder, "resources.json"), JSON.stringify(custom), { mode: 0o600 });
  writeFileSync(join(folder, "index.js"), program);
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: groundwork\nmain: index.js\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
  );
  writeFileSync(join(folder, `Pulumi.${stack}.yaml`), "config: {}\n");
  const { PULUMI_OPTION_CONFIG_FILE: _stackFile, ...rest } = variables;
  const own = { ...rest, PULUMI_BACKEND_URL: `file://${join(folder, "state")}` };
  pulumi(["stack", "init", stack], folder, own);
  const file = join(folder, "import.json");
  writeFileSync(file, JSON.stringify(flat), { mode: 0o600 });
  pulumi(["stack", "import", "--file", file, "-s", stack], folder, own);
  return { folder, variables: own, resources: custom.length };
}

/** A program in a folder of its own, and what leads the engine to its stack. */
export interface Program {
  readonly folder: string;
  readonly variables: Record<string, string>;
}

/**
 * The same bare program as Pulumi runs TypeScript by default: through ts-node, its types checked at every preview. It
 * works on the same stack.
 */
export function typeChecked(bare: Program, stack: string): Program {
  const folder = typescriptProject(`${bare.folder}-typescript`);
  copyFileSync(join(bare.folder, "resources.json"), join(folder, "resources.json"));
  writeFileSync(
    join(folder, `Pulumi.${stack}.yaml`),
    readFileSync(join(bare.folder, `Pulumi.${stack}.yaml`)),
  );
  const typed = program
    .replace(/const (\w+) = require\("(@pulumi\/pulumi)"\);/, 'import * as $1 from "$2";')
    .replace(/  (\w+): require\("(@pulumi\/\w+)"\),/g, "  $1,")
    .replace("const packages", "const packages: any")
    .replace("const revive = (value)", "const revive = (value: any): any")
    .replace("map(([key, inner])", "map(([key, inner]: any)")
    .replace("new Map()", "new Map<string, any>()")
    .replace("const options =", "const options: any =")
    .replace("dependencies.map((one)", "dependencies.map((one: any)")
    .replace('require("./resources.json")', 'JSON.parse(readFileSync("resources.json", "utf8"))');
  writeFileSync(
    join(folder, "index.ts"),
    [
      'import { readFileSync } from "fs";',
      'import * as cloudflare from "@pulumi/cloudflare";',
      'import * as command from "@pulumi/command";',
      'import * as random from "@pulumi/random";',
      typed,
    ].join("\n"),
  );
  return { folder, variables: bare.variables };
}

/** This project's own program the same way: what it would cost if it came uncompiled. It works on the sandbox's stack. */
export function typeCheckedOwn(folder: string, variables: Record<string, string>): Program {
  typescriptProject(folder);
  const platform = JSON.stringify(join(projectRoot(), "platform", "platform"));
  writeFileSync(
    join(folder, "index.ts"),
    `import { deployFromConfig } from ${platform};\nexport = () => deployFromConfig(${JSON.stringify(projectRoot())});\n`,
  );
  return { folder, variables };
}

function typescriptProject(folder: string): string {
  mkdirSync(folder);
  symlinkSync(join(projectRoot(), "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "Pulumi.yaml"), "name: groundwork\nruntime: nodejs\nmain: index.ts\n");
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        target: "es2023",
        lib: ["es2023"],
        rootDir: "/",
        module: "node16",
        moduleResolution: "node16",
        esModuleInterop: true,
        types: ["node"],
        skipLibCheck: true,
      },
    }),
  );
  return folder;
}

/** Takes the components out: their children become children of the stack, under the names they had. */
function flatten(exported: Exported): Exported {
  const withoutParents = JSON.parse(
    JSON.stringify(exported).replace(
      /(urn:pulumi:[^:"]+::[^:"]+::)[^":]*(?::[^":$]+)*\$([^$"]+?::)/g,
      (_all, start: string, rest: string) => `${start}${rest.split("$").at(-1) ?? rest}`,
    ),
  ) as Exported;
  const { resources } = withoutParents.deployment;
  const stackUrn = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.urn;
  withoutParents.deployment.resources = resources
    .filter(({ custom, type }) => custom || type === "pulumi:pulumi:Stack")
    .map((resource) => {
      if (resource.type === "pulumi:pulumi:Stack") return { ...resource, outputs: {} };
      const { parent: _parent, ...rest } = resource as ExportedResource & { parent?: string };
      return { ...rest, ...(stackUrn === undefined ? {} : { parent: stackUrn }) };
    });
  return withoutParents;
}

/** The bare program: as somebody would compile it by hand, one statement a resource, in order. */
const program = `
const pulumi = require("@pulumi/pulumi");
const packages = {
  cloudflare: require("@pulumi/cloudflare"),
  command: require("@pulumi/command"),
  random: require("@pulumi/random"),
};
const revive = (value) => {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if (value["${secretMark}"] !== undefined && "plaintext" in value) return pulumi.secret(revive(JSON.parse(value.plaintext)));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
};
const made = new Map();
for (const { type, urn, inputs = {}, dependencies = [], provider } of require("./resources.json")) {
  const name = urn.split("::").at(-1);
  const [pkg, module, kind] = type.split(":");
  const implicit = name.startsWith("default");
  if (pkg === "pulumi" && implicit) continue;
  const { __internal, __defaults, ...args } = inputs;
  const options = { dependsOn: dependencies.map((one) => made.get(one)).filter(Boolean) };
  const explicit = provider && made.get(provider.split("::").slice(0, 4).join("::"));
  if (explicit) options.provider = explicit;
  if (pkg === "pulumi") {
    delete args.version;
    made.set(urn, new packages[kind].Provider(name, revive(args)));
  } else {
    const space = module.includes("/") ? module.split("/")[0] : module;
    const Class = space === "index" ? packages[pkg][kind] : packages[pkg][space][kind];
    made.set(urn, new Class(name, revive(args), options));
  }
}
`;
