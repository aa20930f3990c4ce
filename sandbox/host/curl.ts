/**
 * `curl` on the sandbox's host. Ports that the machine publishes really lie on other loopback ports (ports.json), so
 * curl is told where: `curl http://127.0.0.1:80/` and `--connect-to ::127.0.0.1:80` reach what they would on a machine
 * of one's own. Everything else is the machine's real curl.
 */
import { spawn } from "node:child_process";
import { readHostConfig } from "./config";
import { readPorts } from "./ports";
import { findRealProgram } from "./postgres/real-program";

const loopback = ["localhost", "127.0.0.1", "[::1]"];

/** Arguments that lead a published port to where it is. Pure. */
export function withLocalPorts(args: readonly string[], ports: ReadonlyMap<number, number>): string[] {
  const moved = args.map((arg, index) => {
    const inline = arg.startsWith("--connect-to=") ? arg.slice("--connect-to=".length) : undefined;
    const value = inline ?? (args[index - 1] === "--connect-to" ? arg : undefined);
    if (value === undefined) return arg;
    const match = /^(.*:)(localhost|127\.0\.0\.1|\[::1\]):(\d+)$/.exec(value);
    const local = ports.get(Number(match?.[3]));
    if (match === null || local === undefined) return arg;
    return `${inline === undefined ? "" : "--connect-to="}${match[1] ?? ""}127.0.0.1:${local}`;
  });
  const own = [...ports].flatMap(([from, to]) =>
    loopback.flatMap((host) => ["--connect-to", `${host}:${from}:127.0.0.1:${to}`]),
  );
  // Behind what the caller gives: the first that fits is the one that curl takes.
  return [...moved, ...own];
}

function main(directory: string, args: readonly string[]): void {
  const { layout } = readHostConfig(directory);
  const path = (process.env["PATH"] ?? "")
    .split(":")
    .filter((folder) => folder !== layout.bin)
    .join(":");
  const real = findRealProgram("curl", path);
  if (real === undefined) {
    process.stderr.write("curl: not installed on this machine\n");
    process.exit(127);
  }
  const ports = new Map(
    Object.entries(readPorts(layout.portsFile))
      .filter(([key]) => key.endsWith("/tcp"))
      .map(([key, { local }]) => [Number.parseInt(key, 10), local] as const),
  );
  const child = spawn(real, withLocalPorts(args, ports), { stdio: "inherit" });
  child.once("error", (error) => {
    process.stderr.write(`curl: ${error.message}\n`);
    process.exit(126);
  });
  child.once("exit", (code) => process.exit(code ?? 2));
}

if (require.main === module) {
  const [directory = "", ...args] = process.argv.slice(2);
  main(directory, args);
}
