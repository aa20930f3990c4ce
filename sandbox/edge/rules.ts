import type { OutgoingHttpHeaders } from "node:http";
import { edgeErrors, fail } from "./error-pages";
import type { Exchange, Outcome } from "./exchange";
import { headerText, portOf } from "./exchange";
import type { Fields, Value } from "./expression";
import { compile, ExpressionError, text, truth } from "./expression";
import type { EdgeRule } from "./view";

/** The rules of a phase that match this request, in order. A rule that cannot be evaluated is noted and left out. */
function matching(exchange: Exchange, phase: string, status?: number): readonly EdgeRule[] {
  if (exchange.zone === undefined) return [];
  const fields = fieldsOf(exchange, status);
  return exchange.view.rules(exchange.zone.id, phase).filter((rule) => {
    try {
      return truth(compile(rule.expression)(fields));
    } catch (error) {
      return noteUnless(exchange, rule, error);
    }
  });
}

function noteUnless(exchange: Exchange, rule: EdgeRule, error: unknown): false {
  if (!(error instanceof ExpressionError)) throw error;
  exchange.notes.push(`rule-not-evaluated: ${rule.ref ?? rule.action}: ${error.message}`);
  return false;
}

/** Single redirects. */
export function redirectRules(exchange: Exchange): Outcome | undefined {
  for (const rule of matching(exchange, "http_request_dynamic_redirect")) {
    const from = rule.action_parameters?.["from_value"] as RedirectFromValue | undefined;
    if (rule.action !== "redirect" || from?.target_url === undefined) continue;
    const target = evaluated(exchange, rule, from.target_url);
    if (target === undefined) continue;
    return redirectTo(
      exchange,
      withQuery(target, from.preserve_query_string === true ? exchange.query : ""),
      {
        status: from.status_code ?? 302,
      },
    );
  }
  return undefined;
}

interface RedirectFromValue {
  readonly status_code?: number;
  readonly preserve_query_string?: boolean;
  readonly target_url?: { readonly value?: string; readonly expression?: string };
}

/** A redirect; an address of this account without a port gets the edge's port, if the client uses ports. */
export function redirectTo(exchange: Exchange, location: string, { status }: { status: number }): Outcome {
  return {
    kind: "reply",
    reply: {
      status,
      headers: {
        location: withEdgePort(exchange, location),
        "cache-control": "no-store",
        "content-length": 0,
      },
    },
  };
}

function withEdgePort(exchange: Exchange, location: string): string {
  if (portOf(exchange.authority) === undefined) return location;
  const found = /^(https?):\/\/([^/?#:]+)(?!:)([/?#].*|)$/.exec(location);
  if (found === null) return location;
  const [, scheme = "", host = "", rest = ""] = found;
  const ours = exchange.view.zoneForHost(host) ?? exchange.view.pagesForHost(host);
  if (ours === undefined) return location;
  const port = scheme === "https" ? exchange.ports.https : exchange.ports.http;
  return `${scheme}://${host}:${port}${rest}`;
}

function withQuery(location: string, query: string): string {
  if (query === "") return location;
  return location.includes("?") ? `${location}&${query.slice(1)}` : location + query;
}

/** Configuration rules: only `ssl` matters here. */
export function configurationRules(exchange: Exchange): undefined {
  for (const rule of matching(exchange, "http_config_settings")) {
    const ssl = rule.action_parameters?.["ssl"];
    if (typeof ssl === "string") exchange.sslOverride = ssl;
  }
}

/** Origin rules: the port override of the free plan. */
export function originRules(exchange: Exchange): undefined {
  for (const rule of matching(exchange, "http_request_origin")) {
    const origin = rule.action_parameters?.["origin"] as { port?: number } | undefined;
    if (origin?.port !== undefined) exchange.originPort = origin.port;
  }
}

/** WAF custom rules: what blocks is enforced, challenges are not (nobody could solve one) and say so. */
export function firewallRules(exchange: Exchange): Outcome | undefined {
  for (const rule of matching(exchange, "http_request_firewall_custom")) {
    if (rule.action === "block") return fail(edgeErrors.blocked(), exchange);
    if (rule.action === "skip") return undefined;
    exchange.notes.push(`${rule.action}-not-enforced`);
  }
  return undefined;
}

/** Header changes on the way to the origin. */
export function requestHeaderRules(exchange: Exchange): undefined {
  for (const rule of matching(exchange, "http_request_late_transform")) {
    for (const [name, change] of headerChanges(rule)) {
      if (change.operation === "remove") exchange.originHeaders.set(name, undefined);
      else exchange.originHeaders.set(name, evaluated(exchange, rule, change));
    }
  }
}

/** Header changes on the way to the client, in place. */
export function responseHeaderRules(exchange: Exchange, status: number, headers: OutgoingHttpHeaders): void {
  for (const rule of matching(exchange, "http_response_headers_transform", status)) {
    for (const [name, change] of headerChanges(rule)) {
      if (change.operation === "remove") {
        delete headers[name];
        continue;
      }
      const value = evaluated(exchange, rule, change);
      if (value === undefined) continue;
      if (change.operation !== "add") headers[name] = value;
      else headers[name] = [headers[name] ?? [], value].flat().map(String);
    }
  }
}

interface HeaderChange {
  readonly operation: string;
  readonly value?: string;
  readonly expression?: string;
}

function headerChanges(rule: EdgeRule): [string, HeaderChange][] {
  const headers = rule.action_parameters?.["headers"] as Record<string, HeaderChange> | undefined;
  return Object.entries(headers ?? {}).map(([name, change]) => [name.toLowerCase(), change]);
}

function evaluated(
  exchange: Exchange,
  rule: EdgeRule,
  source: { readonly value?: string; readonly expression?: string },
): string | undefined {
  if (source.expression === undefined) return source.value;
  try {
    return text(compile(source.expression)(fieldsOf(exchange)));
  } catch (error) {
    noteUnless(exchange, rule, error);
    return undefined;
  }
}

/** The fields of the rules language, from a request and, in response phases, its status. */
export function fieldsOf(exchange: Exchange, status?: number): Fields {
  return (name) => {
    if (name === "http.response.code" && status !== undefined) return status;
    return fieldValues[name]?.(exchange);
  };
}

const fieldValues: Record<string, (exchange: Exchange) => Value> = {
  "http.host": ({ host }) => host,
  "http.request.method": ({ method }) => method,
  "http.request.uri": ({ path, query }) => path + query,
  "http.request.uri.path": ({ path }) => path,
  "http.request.uri.path.extension": ({ path }) => /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "",
  "http.request.uri.query": ({ query }) => query.slice(1),
  "http.request.full_uri": ({ scheme, host, path, query }) => `${scheme}://${host}${path}${query}`,
  "http.request.version": ({ httpVersion }) => `HTTP/${httpVersion === "2.0" ? "2" : httpVersion}`,
  "http.request.headers": ({ headers }) =>
    Object.entries(headers).map(([name, value]) => `${name}: ${headerText(value) ?? ""}`),
  "http.user_agent": ({ headers }) => headers["user-agent"] ?? "",
  "http.referer": ({ headers }) => headers.referer ?? "",
  "http.cookie": ({ headers }) => headers.cookie ?? "",
  "http.x_forwarded_for": ({ headers }) => headerText(headers["x-forwarded-for"]) ?? "",
  "ip.src": ({ clientAddress }) => clientAddress,
  "ip.geoip.country": () => "XX",
  "ip.src.country": () => "XX",
  "cf.client.bot": () => false,
  "cf.bot_management.verified_bot": () => false,
  ssl: ({ scheme }) => scheme === "https",
};
