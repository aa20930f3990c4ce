import { sshServerProblems } from "../../remote/host";
import type { SwarmOriginArgs } from "../app-origin";
import { isPlain, type Issues } from "../shared/validation";
import { readComposeFile, readFurtherFiles } from "./compose-files";
import { composeDocument, impossible } from "./swarm-files";

/** What a swarm needs, and what it cannot do. */
export function swarmIssues(args: SwarmOriginArgs, issues: Issues): void {
  const { hosts, advertiseAddresses, services, proxy } = args;
  if (args.vault !== undefined)
    issues.add("vault", "is not possible in a swarm, which keeps its services' variables itself");
  hosts.slice(1).forEach((host, index) => {
    for (const [member, problem] of sshServerProblems(host.args)) {
      issues.add(`hosts[${index + 1}].${member}`, problem);
    }
  });
  const seen = new Map<string, number>();
  hosts.forEach(({ args: { address, port = 22 } }, index) => {
    if (!isPlain(address)) return;
    const place = `${address} ${port}`;
    const first = seen.get(place);
    if (first !== undefined)
      issues.add(`hosts[${index}]`, `is the same machine as hosts[${first}]`, { value: address });
    else seen.set(place, index);
  });
  if (advertiseAddresses !== undefined && advertiseAddresses.length !== hosts.length) {
    issues.add("advertiseAddresses", "has not one address for each host", {
      value: advertiseAddresses.length,
      allowed: String(hosts.length),
    });
  }
  if (hosts.length > 1 && proxy !== undefined && (proxy.tls ?? "automatic") === "automatic") {
    if (proxy.tls === "automatic" || args.originCertificate === undefined) {
      issues.add(
        "proxy.tls",
        "cannot be automatic with several hosts: Let's Encrypt would ask one for the other's answer",
        { value: "automatic", allowed: "origin-certificate, or none" },
      );
    }
  }
  for (const [service, { publish, tls }] of Object.entries(services)) {
    for (const [member, value] of [
      ["publish", publish],
      ["tls", tls],
    ] as const) {
      if (value !== undefined)
        issues.add(`services.${service}.${member}`, "is the proxy's in a swarm", { value });
    }
  }
  composeIssues(args, issues);
}

function composeIssues(args: SwarmOriginArgs, issues: Issues): void {
  const read = readComposeFile(args.composeFile);
  if ("problem" in read) return;
  const document = composeDocument(read.text);
  const { files } = readFurtherFiles(args.composeFile, args.files ?? []);
  for (const part of ["secrets", "configs"] as const) {
    for (const [name, entry] of Object.entries(document[part])) {
      const path = entry?.["file"];
      if (typeof path !== "string") continue;
      if (files.some((file) => file.path === path.replace(/^\.\//, ""))) continue;
      issues.add(`composeFile: ${part}.${name}`, "has a file that is not among `files`", { value: path });
    }
  }
  for (const [service, { strategy }] of Object.entries(args.services)) {
    const own = document.services[service];
    if (own === undefined) continue;
    const at = `composeFile: services.${service}`;
    if (strategy === "start-first" && own["healthcheck"] === undefined) {
      issues.add(
        `${at}.healthcheck`,
        "is needed with start-first: by it the swarm knows when a task is healthy",
      );
    }
    for (const member of impossible) {
      if (own[member] !== undefined) issues.add(`${at}.${member}`, "is not possible in a swarm");
    }
    if (args.hosts.length === 1 || !Array.isArray(own["volumes"])) continue;
    for (const mount of own["volumes"] as readonly unknown[]) {
      const source =
        typeof mount === "string" ? mount.split(":")[0] : (mount as { source?: unknown } | null)?.source;
      if (typeof source !== "string" || !/^[./~]/.test(source)) continue;
      if (typeof mount === "string" && !mount.includes(":")) continue;
      issues.add(`${at}.volumes`, "has a folder of the host, which only one of several hosts has", {
        value: source,
        allowed: "configs, secrets, or a named volume",
      });
    }
  }
}
