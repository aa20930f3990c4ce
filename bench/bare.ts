import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
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
): { readonly folder: string; readonly variables: Record<string, string>; readonly resources: number } {
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
