import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { transformSync } from "esbuild";
import { Project } from "ts-morph";
import { commands } from "../../cli/commands";
import { projectRoot } from "../../common/project-root";
import { validateStackFile } from "../../platform/settings/validate";
import { withCommandTables } from "../../scripts/command-table";
import { Mocks, known, runWith } from "../support/mocks";
import { blocks, commandLines, page, pages, readmeExample } from "./markdown";

jest.setTimeout(180_000);

const root = projectRoot();

describe("commands", () => {
  const told = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/cli.md",
    "docs/sandbox.md",
    "docs/adopt.md",
    "docs/databases.md",
  ].flatMap((path) => commandLines(page(path)).map((line): [string, string] => [path, line]));

  test("there are some to look at", () => {
    expect(told.map(([, line]) => line)).toEqual(
      expect.arrayContaining(["npm start", "npm test", "npx groundwork sandbox -s staging"]),
    );
  });

  test.each(told)("%s: %s", (_path, line) => {
    expect(mistakesOf(line)).toEqual([]);
  });

  test("a command, an option and a script that do not exist are found out", () => {
    expect(mistakesOf("npx groundwork sandbox begin -s dev")).toEqual(["no such command: sandbox begin"]);
    expect(mistakesOf('eval "$(npx groundwork sandbox env --stacks=dev)"')).toEqual([
      "sandbox env has no option --stacks=dev",
    ]);
    expect(mistakesOf("npm start -- --opens && npm run nothing")).toEqual([
      "start has no option --opens",
      "package.json has no script nothing",
    ]);
  });

  test("those named in what is printed exist", () => {
    const named = ["cli", "sandbox", "platform", "automation", "components", "remote"]
      .flatMap((folder) => sourceFiles(join(root, folder)))
      .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/npx groundwork( [a-z]+)( [a-z]+)?/g)])
      .map(([, first = "", second = ""]) => `${first}${second}`.trim());
    expect(named.length).toBeGreaterThan(10);
    const known = (words: string): boolean =>
      find(words.split(" "))?.name === words || find(words.split(" ").slice(0, 1)) !== undefined;
    expect(named.filter((words) => !words.startsWith("help") && !known(words))).toEqual([]);
  });

  test("the tables of docs/cli.md are up to date (npm run docs)", () => {
    const text = page("docs/cli.md");
    expect(withCommandTables(text)).toBe(text);
    for (const { name } of commands) expect(text).toContain(`| \`groundwork ${name}`);
  });
});

test("every relative link leads to a file", () => {
  const all = pages();
  expect(all).toContain("README.md");
  const dead = all.flatMap((path) =>
    [...page(path).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = ""]) => target.replace(/#.*$/, ""))
      .filter((target) => target !== "" && !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  expect(dead).toEqual([]);
});

describe("the README's examples", () => {
  test("the stack file is a right one", () => {
    const [text = ""] = blocks(page("README.md"), "yaml");
    const input = { file: "Pulumi.prod.yaml", text, stack: "prod" };
    expect(validateStackFile(input, { secrets: "optional" })).toMatchObject({
      settings: { domain: "streampai.com", sites: { web: { project: "streampai" } } },
    });
  });

  test("the types of the programs are right", () => {
    const project = new Project({
      tsConfigFilePath: join(root, "tsconfig.json"),
      skipAddingFilesFromTsConfig: true,
    });
    const files = ["component", "automation"].map((name) =>
      project.createSourceFile(join(root, `readme-${name}.ts`), readmeExample(name)),
    );
    const problems = files.flatMap((file) =>
      file
        .getPreEmitDiagnostics()
        .map((problem) => `${file.getBaseName()}: ${JSON.stringify(problem.getMessageText())}`),
    );
    expect(problems).toEqual([]);
  });

  test("the script with the Automation API is short", () => {
    expect(readmeExample("automation").trimEnd().split("\n").length).toBeLessThanOrEqual(30);
  });

  test("the program with components makes a site and a bucket", async () => {
    const mocks = new Mocks({
      "cloudflare:index/pagesProject:PagesProject": () => ({ subdomain: "web.pages.dev" }),
      "cloudflare:index/pagesDomain:PagesDomain": () => ({ status: "active" }),
      "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
      "cloudflare:index/r2Bucket:R2Bucket": () => ({ jurisdiction: "default" }),
      "cloudflare:index/r2ManagedDomain:R2ManagedDomain": () => ({ domain: "" }),
      "cloudflare:index/accountToken:AccountToken": () => ({ id: "token-of-api", value: "v".repeat(40) }),
    });
    const exported = await runWith(mocks, () => run(readmeExample("component")));
    expect(await known(exported["urls"])).toEqual({ value: ["https://example.com"], secret: false });
    expect(await known(exported["accessKeyId"])).toEqual({ value: "token-of-api", secret: false });
    expect(mocks.list()).toMatchInlineSnapshot(`
     [
       "AccountToken storage-consumer-api",
       "DnsRecord web-dns-example.com",
       "PagesDomain web-domain-example.com",
       "PagesProject web",
       "R2Bucket storage-uploads",
     ]
    `);
  });
});

/** What in a command line does not exist. */
function mistakesOf(line: string): string[] {
  return line
    .replace(/^(?:eval "\$\(|source <\()(.*?)\)"?/, "$1")
    .replace(/ \| source$/, "")
    .split(/\s+&&\s+/)
    .flatMap((one) => {
      const [program, first = "", ...rest] = one.split(/\s+/);
      if (program === "npx" && first === "groundwork") return mistakesOfGroundwork(rest);
      if (program === "npm" && first === "start") return mistakesOfGroundwork(["start", ...rest]);
      if (program === "npm" && ["ci", "install"].includes(first)) return [];
      if (program === "npm") {
        const script = first === "run" ? (rest[0] ?? "") : first;
        return script in scripts() ? [] : [`package.json has no script ${script}`];
      }
      if (program === "pulumi") return pulumiVerbs.has(first) ? [] : [`pulumi has no verb ${first}`];
      return [`nothing is known of ${program ?? ""}`];
    });
}

const pulumiVerbs = new Set(["preview", "up", "refresh", "destroy", "stack", "config", "login", "import"]);

function mistakesOfGroundwork(words: readonly string[]): string[] {
  const options = words.filter((word) => word.startsWith("-") && word !== "--");
  const valued = commands.flatMap(({ options: own }) =>
    own.flatMap(({ flags }) => (flags.includes("<") ? (flags.match(/--?[a-z-]+/g) ?? []) : [])),
  );
  const all = words.filter(
    (word, index) => !word.startsWith("-") && !valued.includes(words[index - 1] ?? ""),
  );
  const takesWords = (find(all.slice(0, -1))?.arguments ?? []).length > 0;
  const names = takesWords ? all.slice(0, -1) : all;
  const allowed = [
    "--help",
    ...(find(names)?.options ?? []).flatMap(({ flags }) => flags.match(/--?[a-z-]+/g) ?? []),
  ];
  if (names.length > 0 && find(names) === undefined) return [`no such command: ${names.join(" ")}`];
  return options
    .filter((option) => !allowed.includes(option))
    .map((option) => `${names.join(" ")} has no option ${option}`);
}

function find(words: readonly string[]): (typeof commands)[number] | undefined {
  return commands.find(({ name }) => name === words.join(" "));
}

function scripts(): Record<string, string> {
  return (JSON.parse(page("package.json")) as { scripts: Record<string, string> }).scripts;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file));
}

/** Runs a program as a user's own project would: `groundwork/components` is what package.json exports. */
function run(source: string): Record<string, unknown> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the build is plain JavaScript
  (require("../../bin/build.js") as { ensureBuilt(group: string): void }).ensureBuilt("main");
  const { code } = transformSync(source, { loader: "ts", format: "cjs" });
  const module = { exports: {} as Record<string, unknown> };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the README's own example
  const body = new Function("require", "module", "exports", code) as (...given: unknown[]) => void;
  body(createRequire(join(root, "package.json")), module, module.exports);
  return module.exports;
}
