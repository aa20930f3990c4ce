/**
 * The `flyctl` of a sandbox: `flyctl.js <folder> secrets import --app NAME` reads variables and keeps their names, as
 * Fly.io keeps them for an application that is staged. Nothing leaves the machine and no value is kept.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder = "", ...args] = process.argv.slice(2);

function main(): number {
  const app = args[args.indexOf("--app") + 1];
  if (args[0] !== "secrets" || args[1] !== "import" || !args.includes("--app") || app === undefined) {
    console.error(
      `flyctl (sandbox): only "secrets import --app NAME" stands in here, not: ${args.join(" ")}`,
    );
    return 2;
  }
  if (!/^[a-z0-9-]{1,63}$/.test(app)) {
    console.error(`flyctl (sandbox): not the name of an application: ${app}`);
    return 2;
  }
  const lines = readFileSync(0, "utf8").split("\n");
  const names = lines.flatMap((line) => /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(line)?.[1] ?? []);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `${app}.json`), `${JSON.stringify({ app, names }, undefined, 2)}\n`, {
    mode: 0o600,
  });
  console.log(`sandbox: flyctl stands in: ${names.length} variables of ${app}, of which the names are kept`);
  return 0;
}

process.exitCode = main();
