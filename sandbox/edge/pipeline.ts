import { edgeErrors, fail } from "./error-pages";
import type { Exchange, Outcome } from "./exchange";
import { portOf, settingOf } from "./exchange";
import type { ResolveOrigin } from "./origin-target";
import { lookup, originStep } from "./origin-target";
import { pagesStep } from "./pages/serve";
import {
  configurationRules,
  firewallRules,
  originRules,
  redirectRules,
  redirectTo,
  requestHeaderRules,
} from "./rules";

/** Looks at a request and answers it, changes what later steps see, or lets it pass (undefined). */
export type Step = (exchange: Exchange) => Outcome | undefined | Promise<Outcome | undefined>;

/**
 * Places in the pipeline where parts of Cloudflare are plugged in that the edge does not have by itself. Each step
 * there sees plain requests and WebSocket upgrades alike.
 */
export interface EdgeHooks {
  /** Before anything else: hosts that are no customer's, such as the team's domain of Access. */
  readonly team?: Step;
  /** After redirects and the firewall, before anything is served: may answer with a login, a 403, add a cookie. */
  readonly access?: Step;
  /** Custom domains of buckets: before DNS is asked. */
  readonly buckets?: Step;
  /** For a host whose record points to `<id>.cfargotunnel.com`. Without it the answer is error 1033. */
  readonly tunnels?: Step;
}

/** The order in which Cloudflare looks at a request. */
export function makePipeline(resolveOrigin: ResolveOrigin, hooks: EdgeHooks): readonly Step[] {
  return [
    hooks.team ?? pass,
    knownHost,
    alwaysUseHttps,
    trace,
    configurationRules,
    redirectRules,
    firewallRules,
    hooks.access ?? pass,
    hooks.buckets ?? pass,
    requestHeaderRules,
    originRules,
    dns(hooks.tunnels ?? tunnelDown),
    originStep(resolveOrigin),
  ];
}

/** Runs the steps until one has an outcome. The last one always has. */
export async function decide(pipeline: readonly Step[], exchange: Exchange): Promise<Outcome> {
  for (const step of pipeline) {
    const outcome = await step(exchange);
    if (outcome !== undefined) return outcome;
  }
  return fail(edgeErrors.noRecord(exchange.host, exchange.zone?.name ?? ""), exchange);
}

const pass: Step = () => undefined;

const knownHost: Step = (exchange) => {
  const { view, host, zone } = exchange;
  if (zone === undefined) {
    const known = view.pagesForHost(host) !== undefined || view.publicBucket?.(host) !== undefined;
    return known ? undefined : fail(edgeErrors.unknownHost(host), exchange);
  }
  return undefined;
};

/** Pages, tunnels and DNS-only records by the host's record; what is left goes to an origin. */
function dns(tunnels: Step): Step {
  return (exchange) => {
    const { view, host } = exchange;
    if (exchange.zone === undefined) return pagesStep(exchange);
    const found = lookup(view, host);
    switch (found.kind) {
      case "none":
        return fail(edgeErrors.noRecord(host, exchange.zone.name), exchange);
      case "pages":
        if (view.pagesForHost(host) !== undefined) return pagesStep(exchange);
        return fail(edgeErrors.pagesDomainMissing(host, found.project), exchange);
      case "tunnel":
        return found.record.proxied
          ? tunnels(exchange)
          : fail(edgeErrors.notProxied(host, found.record.content), exchange);
      case "address":
      case "name":
        if (found.record.proxied) return undefined;
        return fail(edgeErrors.notProxied(host, found.record.content), exchange);
    }
  };
}

const alwaysUseHttps: Step = (exchange) => {
  if (exchange.scheme === "https" || settingOf(exchange, "always_use_https", "off") !== "on")
    return undefined;
  const port = portOf(exchange.authority) === undefined ? "" : `:${exchange.ports.https}`;
  return redirectTo(exchange, `https://${exchange.host}${port}${exchange.path}${exchange.query}`, {
    status: 301,
  });
};

/** `/cdn-cgi/trace` tells a client how the edge sees it. */
const trace: Step = (exchange) => {
  if (exchange.path !== "/cdn-cgi/trace") return undefined;
  const lines = {
    h: exchange.host,
    ip: exchange.clientAddress,
    ts: (Date.now() / 1000).toFixed(3),
    visit_scheme: exchange.scheme,
    uag: exchange.headers["user-agent"] ?? "",
    colo: "SBX",
    http: `http/${exchange.httpVersion === "2.0" ? "2" : exchange.httpVersion}`,
  };
  const body = Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
  return {
    kind: "reply",
    reply: {
      status: 200,
      headers: {
        "content-type": "text/plain",
        "cache-control": "no-cache",
        "access-control-allow-origin": "*",
      },
      body,
    },
  };
};

const tunnelDown: Step = (exchange) => fail(edgeErrors.tunnel(exchange.host), exchange);
