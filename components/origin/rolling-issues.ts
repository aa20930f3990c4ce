import { isIPv6 } from "node:net";
import type { OriginService } from "../app-origin";
import { isPlain, isPort, type Issues } from "../shared/validation";
import { type ComposeSummary, namesIn, serviceOf } from "./compose-files";
import type { DeployedArgs } from "./overrides";
import { proxyPublished, proxyRoutes, proxyTls, rollingServices } from "./proxy";
import { isRoute, parseRoute } from "./routes";

/** What a service that is replaced beside its predecessor needs, and cannot have. */
export function rollingIssues(at: string, spec: OriginService, issues: Issues): void {
  if (spec.strategy !== "start-first") return;
  if (spec.port === undefined)
    issues.add(`${at}.port`, "is needed with start-first: traffic is switched to it");
  if (spec.publish !== undefined) {
    issues.add(`${at}.publish`, "is for the proxy with start-first: two containers cannot have one port", {
      value: spec.publish,
    });
  }
  if (spec.tls !== undefined) {
    issues.add(`${at}.tls`, "is for the proxy with start-first: it has the certificate", { value: spec.tls });
  }
}

/** Mistakes in what the proxy is told. */
export function proxyIssues(args: DeployedArgs, issues: Issues): void {
  const { proxy } = args;
  const rolling = Object.entries(args.services).filter(([, { strategy }]) => strategy === "start-first");
  if (proxy === undefined) {
    if (rolling.length > 0) {
      issues.add("proxy", "is needed by services with start-first", {
        value: rolling.map(([service]) => service).join(", "),
      });
    }
    return;
  }
  const tls = proxyTls(args);
  issues.check("proxy.httpPort", proxy.httpPort, isPort, "is not a port", "1 to 65535");
  issues.check("proxy.httpsPort", proxy.httpsPort, isPort, "is not a port", "1 to 65535");
  if (args.kind === "compose") {
    const ports = proxyPublished(args).map(([port]) => port);
    for (const [service, { publish, tls: own }] of Object.entries(args.services)) {
      for (const port of [publish, own?.publish]) {
        if (port === undefined || !ports.includes(port)) continue;
        issues.add(`services.${service}`, "publishes a port of the proxy", { value: port });
      }
    }
    if (ports[0] === ports[1]) issues.add("proxy.httpsPort", "is the HTTP port as well", { value: ports[0] });
    if (tls === "origin-certificate" && args.originCertificate === undefined) {
      issues.add("originCertificate", "is needed with tls: origin-certificate");
    }
    if (tls === "automatic" && (args.proxied ?? true)) {
      issues.add(
        "proxy.tls",
        "is for names that lead straight to the host: behind Cloudflare nobody else gets a certificate",
        {
          value: tls,
          allowed: "origin-certificate, or none",
        },
      );
    }
    if (proxy.cloudflareOnly === true && !(args.proxied ?? true)) {
      issues.add("proxy.cloudflareOnly", "turns every visitor away without proxied", { value: true });
    }
    if (
      proxy.cloudflareOnly === true &&
      args.publicAddresses.some((address) => isPlain(address) && isIPv6(address))
    ) {
      issues.add(
        "proxy.cloudflareOnly",
        "cannot tell who connects over IPv6, as Docker hides the address: leave the IPv6 address out",
        {
          value: true,
        },
      );
    }
  } else if (tls !== "none") {
    issues.add("proxy.tls", "must be none behind a tunnel, which brings the encryption", { value: tls });
  } else if (proxy.cloudflareOnly === true) {
    issues.add("proxy.cloudflareOnly", "says nothing behind a tunnel, through which everybody comes", {
      value: true,
    });
  }
  const routes = Object.entries(proxyRoutes(args));
  if (routes.length === 0 && args.kind === "compose") {
    issues.add("proxy.routes", "is needed, unless exactly one service has start-first");
  }
  for (const [key, service] of routes) {
    const at = `proxy.routes[${JSON.stringify(key)}]`;
    if (!isRoute(key)) {
      issues.add(at, "is not a route", { allowed: "/api/*, /*, or www.example.com/*" });
      continue;
    }
    const { hostname } = parseRoute(key);
    if (hostname !== undefined && args.kind === "compose" && !args.hostnames.includes(hostname)) {
      issues.add(at, "is for another host name", { value: hostname, allowed: args.hostnames.join(", ") });
    }
    if (args.services[service] === undefined)
      issues.add(at, "is not a service of the origin", { value: service });
    else if (args.services[service].port === undefined) {
      issues.add(at, "leads to a service without port", { value: service });
    }
  }
  for (const [header, value] of Object.entries(proxy.headers ?? {})) {
    if (!/^[A-Za-z0-9-]+$/.test(header) || !isHeaderValue(value)) {
      issues.add(`proxy.headers.${header}`, "is not a header with a value of one line");
    }
  }
  issues.check(
    "proxy.email",
    proxy.email,
    (text) => /^[^\s@{}"]+@[^\s@{}"]+$/.test(text),
    "is not an e-mail address",
  );
  for (const network of proxy.cloudflareNetworks ?? []) {
    if (!/^[0-9a-fA-F.:]+(\/\d{1,3})?$/.test(network)) {
      issues.add("proxy.cloudflareNetworks", "is not a network", {
        value: network,
        allowed: "203.0.113.0/24",
      });
    }
  }
}

/** What of a compose file cannot run as two projects in turn. */
export function colourIssues(args: DeployedArgs, summary: ComposeSummary, issues: Issues): void {
  const rolling = rollingServices(args).map(({ service }) => service);
  if (rolling.length === 0) return;
  if (summary.include !== undefined) {
    issues.add(
      "composeFile",
      "has `include`, which cannot be followed with start-first: write the services into the file",
    );
  }
  for (const service of Object.keys(summary.services)) {
    const {
      network_mode: mode,
      depends_on: dependencies,
      networks,
      volumes_from: from,
      extends: base,
    } = serviceOf(summary, service);
    const at = `composeFile: services.${service}`;
    if (!rolling.includes(service)) {
      for (const other of namesIn(dependencies)) {
        if (!rolling.includes(other)) continue;
        issues.add(`${at}.depends_on`, "names a service with start-first, which is in a project of its own", {
          value: other,
        });
      }
      continue;
    }
    if (base !== undefined) {
      issues.add(
        `${at}.extends`,
        "cannot be followed with start-first: each colour would have volumes and networks of its own",
        { value: base, allowed: "what it takes from there written into the service, such as by `<<: *base`" },
      );
    }
    if (mode !== undefined) {
      issues.add(`${at}.network_mode`, "is not possible with start-first: the proxy finds it in a network", {
        value: mode,
      });
    }
    if (from !== undefined) issues.add(`${at}.volumes_from`, "is not possible with start-first");
    for (const network of Object.values(typeof networks === "object" && networks !== null ? networks : {})) {
      if (
        typeof network === "object" &&
        network !== null &&
        ("ipv4_address" in network || "ipv6_address" in network)
      ) {
        issues.add(`${at}.networks`, "has a fixed address, which two containers cannot both have");
      }
    }
  }
}

/** One line of ASCII without what the proxy's configuration would read itself. */
export function isHeaderValue(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value) && !value.includes("`") && !value.includes("{$");
}
