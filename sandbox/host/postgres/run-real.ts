import { spawn } from "node:child_process";
import { withServiceAddresses } from "./service-names";
import { findDatabaseClient } from "./real-program";

/** Hands over to the machine's own program, if it has one. False: it has not, or GROUNDWORK_STAND_IN=1 asks for ours. */
export function runReal(name: "psql" | "pg_isready", args: readonly string[]): boolean {
  const real = findDatabaseClient(name);
  if (real === undefined) return false;
  const child = spawn(real, withServiceAddresses(args, process.env), { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => {
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(2);
  });
  child.once("exit", (code) => process.exit(code ?? 2));
  return true;
}
