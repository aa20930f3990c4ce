import { isIPv6 } from "node:net";
import { parseRoute } from "../../../components/origin/routes";
import { listOf, nearest } from "../nearest";
import { configPath, type Keys } from "../paths";
import type { Rule, RuleContext } from "./context";
import { type Deployed, deployedOrigins, rollingOf, tlsOfProxy } from "./deployed";

const rolling: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    const at = ["origins", name, "services"];
    if (context.isTouched(at)) continue;
    for (const [service, { port, publish, tls }] of rollingOf(origin)) {
      const keys = [...at, service, "strategy"];
      const published = publish ?? tls?.publish;
      if (published !== undefined || tls !== undefined) {
        context.report({
          keys,
          what:
            published === undefined
              ? "with start-first the proxy speaks TLS, not the service"
              : `the new container cannot have port ${published} of the host while the old one has it`,
          value: true,
          allowed:
            "start-first for a service that publishes nothing, as the origin's proxy does; else recreate",
          fix: `remove publish and tls from the service and add proxy: {} to groundwork:origins.${name}, or write recreate`,
        });
        continue;
      }
      if (port === undefined) {
        context.report({
          keys,
          what: "there is no port that traffic could be switched to",
          value: true,
          allowed: "start-first together with port",
          fix: `add port to groundwork:${configPath([...at, service])}, or write recreate`,
        });
      }
      if (origin.proxy === undefined && !context.isTouched(["origins", name, "proxy"])) {
        context.report({
          keys,
          what: "the origin has no proxy that could switch from one container to the other",
          value: true,
          allowed: "start-first in an origin with proxy",
          fix: `add proxy: {} to groundwork:origins.${name}`,
        });
      }
    }
  }
};

const encryption: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    const at = ["origins", name, "proxy"];
    const tls = tlsOfProxy(origin);
    if (tls === undefined || context.isTouched(at)) continue;
    if (origin.kind === "tunnel") {
      if (tls === "none") continue;
      context.report({
        keys: [...at, "tls"],
        what: "a tunnel brings the encryption up to the host; the proxy behind it speaks plain HTTP",
        value: true,
        allowed: "none with kind: tunnel",
        fix: "remove it",
      });
      continue;
    }
    if (tls === "origin-certificate" && origin.originCertificate === undefined) {
      context.report({
        keys: [...at, "tls"],
        what: "the origin has no certificate of Cloudflare's Origin CA",
        value: true,
        allowed: "origin-certificate together with originCertificate",
        fix: `add originCertificate: {} to groundwork:origins.${name}`,
      });
    }
    if (tls === "automatic" && origin.proxied) {
      context.report({
        keys: at,
        atKey: true,
        what: "Let's Encrypt asks the name itself, and behind Cloudflare that is Cloudflare, not the host",
        allowed: "proxied: false, or originCertificate, or proxy.tls: none",
        fix: `add originCertificate: {} to groundwork:origins.${name}`,
      });
    }
  }
};

const onlyCloudflare: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    if (origin.proxy?.cloudflareOnly !== true) continue;
    const keys = ["origins", name, "proxy", "cloudflareOnly"];
    if (origin.kind === "tunnel" || !origin.proxied) {
      context.report({
        keys,
        what:
          origin.kind === "tunnel"
            ? "through a tunnel nobody comes but Cloudflare"
            : "with proxied: false visitors come straight to the host, and all would be turned away",
        value: true,
        allowed: "true with proxied: true",
        fix: "remove it",
      });
      continue;
    }
    const addresses = origin.addresses ?? [context.values.hosts[origin.host]?.address ?? ""];
    if (!addresses.some((address) => isIPv6(address))) continue;
    context.report({
      keys,
      what: "the host has an IPv6 address, and Docker does not tell the proxy who connects over IPv6",
      value: true,
      allowed: "true with IPv4 addresses only, by which Cloudflare reaches the host for every visitor",
      fix: `write only the IPv4 address into groundwork:origins.${name}.addresses, or remove cloudflareOnly`,
    });
  }
};

const routes: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    const at = ["origins", name, "proxy"];
    if (origin.proxy === undefined || context.isTouched(at)) continue;
    if (context.isTouched(["origins", name, "services"])) continue;
    const rollingNames = rollingOf(origin).map(([service]) => service);
    if (origin.proxy.routes === undefined) {
      if (rollingNames.length === 1 || origin.kind === "tunnel") continue;
      context.report({
        keys: at,
        atKey: true,
        what:
          rollingNames.length === 0
            ? "nothing says which service the proxy leads to"
            : `${listOf(rollingNames)} have start-first, and nothing says which of them answers what`,
        allowed: "routes, unless exactly one service has start-first",
        fix: `add routes: {"/*": <service>} to groundwork:${configPath(at)}`,
      });
      continue;
    }
    for (const [key, service] of Object.entries(origin.proxy.routes)) {
      checkRoute(context, name, origin, [...at, "routes", key], service);
    }
  }
};

function checkRoute(context: RuleContext, name: string, origin: Deployed, keys: Keys, service: string): void {
  const names = Object.keys(origin.services);
  const found = origin.services[service];
  if (found === undefined) {
    const better = nearest(service, names);
    context.report({
      keys,
      what: "the origin has no service of this name",
      value: true,
      allowed: listOf(names) || "a service of the origin",
      fix: better === undefined ? `add it to groundwork:origins.${name}.services` : `write ${better}`,
    });
  } else if (found.port === undefined) {
    context.report({
      keys,
      what: "the service has no port that the proxy could lead to",
      value: true,
      allowed: "a service with port",
      fix: `add port to groundwork:${configPath(["origins", name, "services", service])}`,
    });
  }
  const { hostname } = parseRoute(String(keys.at(-1)));
  if (hostname === undefined || origin.kind === "tunnel" || origin.hostnames.includes(hostname)) return;
  context.report({
    keys,
    atKey: true,
    what: "the route is for a host name that the origin does not answer",
    value: true,
    allowed: listOf(origin.hostnames),
    fix: `add ${hostname} to groundwork:origins.${name}.hostnames, or write another name`,
  });
}

export const proxyRules: readonly Rule[] = [rolling, encryption, onlyCloudflare, routes];
