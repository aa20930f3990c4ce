import type { IngressRule, OriginRequest, TunnelConfiguration } from "./messages";

/** What a rule says to do with a request. */
export type Route =
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "hello" }
  | { readonly kind: "http"; readonly url: URL; readonly options: OriginRequest }
  | { readonly kind: "socket"; readonly path: string; readonly options: OriginRequest }
  | { readonly kind: "unsupported"; readonly service: string };

/** The first rule that matches, as cloudflared looks them up: host name, then the regular expression of the path. */
export function routeFor(configuration: TunnelConfiguration, host: string, path: string): Route {
  const name = host.toLowerCase().replace(/:\d*$/, "");
  const rule = configuration.ingress.find((each) => matches(each, name, path));
  // A tunnel that nobody has configured yet answers as cloudflared does.
  if (rule === undefined) return { kind: "status", status: 503 };
  return routeOf(rule, { ...configuration.originRequest, ...rule.originRequest });
}

function matches({ hostname = "", path = "" }: IngressRule, host: string, asked: string): boolean {
  const pattern = hostname.toLowerCase();
  const isHost =
    pattern === "" ||
    pattern === "*" ||
    pattern === host ||
    // One star, for the subdomains of a name, however deep.
    (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)));
  return isHost && (path === "" || new RegExp(path).test(asked));
}

function routeOf({ service }: IngressRule, options: OriginRequest): Route {
  const status = /^http_status:(\d{3})$/.exec(service)?.[1];
  if (status !== undefined) return { kind: "status", status: Number(status) };
  if (service === "hello_world" || service === "hello-world") return { kind: "hello" };
  if (service.startsWith("unix:")) return { kind: "socket", path: service.slice("unix:".length), options };
  if (/^(https?|wss?):\/\//.test(service)) {
    return { kind: "http", url: new URL(service.replace(/^ws/, "http")), options };
  }
  return { kind: "unsupported", service };
}
