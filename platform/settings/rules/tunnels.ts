import { isPattern } from "../../tunnel-path";
import { listOf, nearest } from "../nearest";
import type { Rule, RuleContext } from "./context";
import { deployedOrigins } from "./deployed";

const INSIDE = /^(https?|tcp):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?$/;

/** The origins whose cloudflared a tunnel ends at. */
function originsOf(context: RuleContext, tunnel: string) {
  return deployedOrigins(context).filter(
    ([, origin]) => origin.kind === "tunnel" && origin.tunnel === tunnel,
  );
}

const ingress: Rule = (context) => {
  for (const [name, tunnel] of Object.entries(context.values.tunnels)) {
    const at = ["tunnels", name];
    if (Object.keys(tunnel.ingress).length === 0 && !context.isTouched([...at, "ingress"])) {
      context.report({
        keys: [...at, "ingress"],
        what: "the tunnel has no host name, so nothing comes through",
        allowed: "host name -> service, such as api.pika.dance: http://pika-cloud:3001",
        fix: `add a host name to groundwork:tunnels.${name}.ingress`,
      });
    }
    const origins = originsOf(context, name);
    const [first, second] = origins;
    if (first !== undefined && second !== undefined) {
      context.report({
        keys: ["origins", second[0], "tunnel"],
        what: `origins.${first[0]} has this tunnel too: Cloudflare would send each request to one of the two at random`,
        value: true,
        allowed: "a tunnel of its own for each origin",
        fix: "add another tunnel and name it here",
      });
    }
    const databases = new Set(
      Object.values(context.values.databases).flatMap((database) =>
        database.kind === "container" ? [database.service] : [],
      ),
    );
    for (const [hostname, rule] of Object.entries(tunnel.ingress)) {
      const keys =
        typeof rule === "string" ? [...at, "ingress", hostname] : [...at, "ingress", hostname, "service"];
      const match = INSIDE.exec(typeof rule === "string" ? rule : rule.service);
      if (match === null) continue;
      const [, , target = "", portText] = match;
      if (portText === "5432" || databases.has(target)) {
        context.report({
          keys,
          what: "the tunnel would open a database to everybody",
          value: true,
          allowed: "services that may be public",
          fix: "remove it; tools on your machine get in through an SSH tunnel",
        });
        continue;
      }
      if (first === undefined) continue;
      const [originName, origin] = first;
      if (["localhost", "127.0.0.1", "[::1]"].includes(target)) {
        context.report({
          keys,
          what: "inside a container this is cloudflared's own container, where nothing else listens",
          value: true,
          allowed: "http://<compose service>:<port>",
          fix: `write a service of groundwork:origins.${originName}, such as http://${Object.keys(origin.services)[0] ?? "web"}:${portText ?? "80"}`,
        });
        continue;
      }
      if (context.isTouched(["origins", originName, "services"])) continue;
      const services = Object.keys(origin.services);
      const service = Object.hasOwn(origin.services, target) ? origin.services[target] : undefined;
      if (service === undefined) {
        const better = nearest(target, services);
        if (better === undefined) continue;
        context.report({
          keys,
          what: `groundwork:origins.${originName} has no service ${target}`,
          value: true,
          allowed: listOf(services),
          fix: `write http://${better}:${portText ?? String(origin.services[better]?.port ?? 80)}`,
        });
      } else if (
        service.port !== undefined &&
        portText !== undefined &&
        Number(portText) !== service.port &&
        Number(portText) !== service.tls?.port
      ) {
        context.report({
          keys,
          what: `the service ${target} listens on port ${service.port}`,
          value: true,
          allowed: `port ${service.port}`,
          fix: `write port ${service.port}, or change groundwork:origins.${originName}.services.${target}.port`,
        });
      }
    }
  }
};

const paths: Rule = (context) => {
  for (const [name, { ingress }] of Object.entries(context.values.tunnels)) {
    for (const [hostname, rule] of Object.entries(ingress)) {
      if (typeof rule === "string" || rule.path === undefined || !isPattern(rule.path)) continue;
      context.report({
        keys: ["tunnels", name, "ingress", hostname, "path"],
        what: "this is a pattern, but it is taken letter by letter",
        value: true,
        allowed: "a path, with all that is below it: /ws",
        fix: "write the path alone, without pattern signs",
      });
    }
  }
};

export const tunnelRules: readonly Rule[] = [ingress, paths];
