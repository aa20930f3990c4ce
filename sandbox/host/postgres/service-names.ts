import { readFileSync } from "node:fs";

/**
 * Process mode: a program that is not Node.js does not know the services' names, so a host name on its command line
 * is replaced by the service's loopback address. Anything else stays as it is.
 */
export function serviceAddress(host: string, environment: NodeJS.ProcessEnv): string {
  const own = environment["GROUNDWORK_ADDRESS"];
  const file = environment["GROUNDWORK_NAMES_FILE"];
  if (own === undefined || file === undefined) return host;
  if (["localhost", "127.0.0.1", "::1"].includes(host)) return own;
  // The socket's place in a container.
  if (host === "/var/run/postgresql" || host === "/run/postgresql") return environment["PGHOST"] ?? host;
  try {
    const { networks } = JSON.parse(readFileSync(file, "utf8")) as {
      networks: Record<string, Record<string, string | readonly string[]>>;
    };
    for (const network of (environment["GROUNDWORK_NETWORKS"] ?? "").split(",")) {
      const address = [networks[network]?.[host] ?? []].flat().at(-1);
      if (address !== undefined) return address;
    }
  } catch {
    // No table: the name may still be a real one.
  }
  return host;
}

/** The same in a program's arguments: `-h db`, `-hdb`, `--host=db`, `--host db`. */
export function withServiceAddresses(args: readonly string[], environment: NodeJS.ProcessEnv): string[] {
  return args.map((arg, index) => {
    const previous = args[index - 1];
    if (previous === "-h" || previous === "--host") return serviceAddress(arg, environment);
    if (arg.startsWith("--host=")) return `--host=${serviceAddress(arg.slice(7), environment)}`;
    if (/^-h./.test(arg)) return `-h${serviceAddress(arg.slice(2), environment)}`;
    if (/^postgres(ql)?:\/\//.test(arg)) {
      const url = new URL(arg);
      url.hostname = serviceAddress(url.hostname, environment);
      return url.href;
    }
    return arg;
  });
}
