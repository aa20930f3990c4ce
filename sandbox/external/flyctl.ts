/**
 * The `flyctl` of a sandbox, `flyctl.js <folder> …`: `secrets import --app NAME` reads variables and keeps their names;
 * `deploy --app NAME --image IMAGE` keeps what was released, and in what order, with the release command that fly.toml
 * names. Nothing leaves the machine, no value is kept, and no command of the image is run.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder = "", ...args] = process.argv.slice(2);

/** What is kept of an application. */
interface Application {
  readonly app: string;
  /** Variables that it has. */
  readonly names: readonly string[];
  /** What was done to it, the oldest first. */
  readonly history: readonly Deed[];
}

type Deed =
  | { readonly did: "secrets"; readonly staged: boolean }
  | { readonly did: "release command"; readonly command: string }
  | { readonly did: "deploy"; readonly image: string };

const flags: Record<string, string> = {};
const words: string[] = [];
const withValue = new Set(["app", "a", "image", "i", "config", "c", "strategy", "wait-timeout"]);
for (let index = 0; index < args.length; index++) {
  const found = /^--?([^=]+)(?:=(.*))?$/.exec(args[index] ?? "");
  if (found === null) words.push(args[index] ?? "");
  else flags[found[1] ?? ""] = found[2] ?? (withValue.has(found[1] ?? "") ? (args[++index] ?? "") : "true");
}

function main(): number {
  const command = words.join(" ");
  const app = flags["app"] ?? flags["a"];
  if (app === undefined || !["secrets import", "deploy"].includes(command)) {
    return refuse(
      `only "secrets import --app NAME" and "deploy --app NAME --image IMAGE" stand in here, not: ${args.join(" ")}`,
    );
  }
  if (!/^[a-z0-9-]{1,63}$/.test(app)) return refuse(`not the name of an application: ${app}`);
  return command === "deploy" ? deploy(app) : importSecrets(app);
}

function importSecrets(app: string): number {
  const before = read(app);
  const lines = readFileSync(0, "utf8").split("\n");
  const names = lines.flatMap((line) => /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(line)?.[1] ?? []);
  const staged = flags["stage"] !== undefined;
  write({ app, names, history: [...before.history, { did: "secrets", staged }] });
  console.log(`sandbox: flyctl stands in: ${names.length} variables of ${app}, of which the names are kept`);
  return 0;
}

function deploy(app: string): number {
  const image = flags["image"] ?? flags["i"];
  if (image === undefined || image === "") {
    return refuse("nothing is built here: deploy needs --image IMAGE");
  }
  const file = flags["config"] ?? flags["c"] ?? "fly.toml";
  const config = existsSync(file) ? readFileSync(file, "utf8") : "";
  const command = /^\s*release_command\s*=\s*["'](.*)["']\s*$/m.exec(config)?.[1];
  const before = read(app);
  write({
    ...before,
    history: [
      ...before.history,
      ...(command === undefined ? [] : [{ did: "release command", command } as const]),
      { did: "deploy", image },
    ],
  });
  if (command !== undefined) {
    console.log(`sandbox: not run, as ${image} is not here: the release command ${command}`);
  }
  console.log(`sandbox: flyctl stands in: ${app} is released with ${image}`);
  return 0;
}

function read(app: string): Application {
  try {
    return JSON.parse(readFileSync(join(folder, `${app}.json`), "utf8")) as Application;
  } catch {
    return { app, names: [], history: [] };
  }
}

function write(application: Application): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(application, undefined, 2)}\n`;
  writeFileSync(join(folder, `${application.app}.json`), text, { mode: 0o600 });
}

function refuse(why: string): number {
  console.error(`flyctl (sandbox): ${why}`);
  return 2;
}

process.exitCode = main();
