import type { OutgoingHttpHeaders } from "node:http";
import { edgeErrors, fail } from "../error-pages";
import type { Exchange, Outcome, Reply } from "../exchange";
import { headerText } from "../exchange";
import type { EdgePages } from "../view";
import type { HeadersFile } from "./headers-file";
import { parseHeaders } from "./headers-file";
import { parseRange } from "./range";
import type { RedirectsFile } from "./redirects-file";
import { parseRedirects } from "./redirects-file";
import type { Resolved } from "./resolve";
import { resolvePath } from "./resolve";

type Deployment = NonNullable<EdgePages["deployment"]>;

interface Site {
  readonly headers: HeadersFile;
  readonly redirects: RedirectsFile;
}

/** Parsed once a deployment: a deployment never changes. */
const sites = new WeakMap<Deployment["manifest"], Site>();

function siteOf({ manifest, headersFile, redirectsFile }: Deployment): Site {
  let site = sites.get(manifest);
  if (site === undefined) {
    site = { headers: parseHeaders(headersFile ?? ""), redirects: parseRedirects(redirectsFile ?? "") };
    sites.set(manifest, site);
  }
  return site;
}

/** Answers a request for a Pages site from the files of its deployment. */
export function pagesStep(exchange: Exchange): Outcome {
  const pages = exchange.view.pagesForHost(exchange.host);
  if (pages === undefined) return fail(edgeErrors.unknownHost(exchange.host), exchange);
  const { deployment } = pages;
  if (deployment === undefined) return { kind: "reply", reply: nothingYet(pages.project) };
  const site = siteOf(deployment);
  const reply = answer(exchange, pages, deployment, site);
  site.headers.apply(exchange.host, exchange.path, reply.headers);
  // What is missing for a moment must not be kept as such, whatever the site says of its files.
  if (reply.status === 404) reply.headers["cache-control"] = "no-store";
  return { kind: "reply", reply };
}

function answer(exchange: Exchange, pages: EdgePages, deployment: Deployment, site: Site): Reply {
  const path = decodePath(exchange.path);
  if (path === undefined) return plain(400, "Bad Request");

  let wanted = path;
  const rule = site.redirects.find(exchange.host, exchange.path);
  if (rule !== undefined) {
    if (rule.status !== 200) return redirectByRule(exchange, rule.to, rule.status);
    wanted = decodePath(rule.to.replace(/[?#].*$/, "")) ?? path;
  }
  if (exchange.method !== "GET" && exchange.method !== "HEAD") {
    return {
      ...plain(405, "Method Not Allowed"),
      headers: { "content-type": "text/plain;charset=UTF-8", allow: "GET, HEAD" },
    };
  }

  const has = (name: string): boolean => Object.hasOwn(deployment.manifest, name);
  return answerFile(exchange, pages, deployment, resolvePath(wanted, has));
}

function answerFile(exchange: Exchange, pages: EdgePages, deployment: Deployment, resolved: Resolved): Reply {
  if (resolved.kind === "missing") return plain(404, "Not Found");
  if (resolved.kind === "redirect") {
    const location = encodePath(resolved.to) + exchange.query;
    return { status: 308, headers: { ...commonHeaders(exchange), location } };
  }
  const hash = deployment.manifest[resolved.path];
  const asset = hash === undefined ? undefined : pages.asset(hash);
  if (asset === undefined || hash === undefined) {
    return fileLost(exchange, resolved.path);
  }
  const headers: OutgoingHttpHeaders = { ...commonHeaders(exchange), "content-type": asset.contentType };
  if (resolved.status === 404) {
    headers["cache-control"] = "no-store";
    return { status: 404, headers: { ...headers, "content-length": asset.body.length }, body: asset.body };
  }
  headers["cache-control"] = "public, max-age=0, must-revalidate";
  headers["etag"] = `"${hash}"`;
  headers["accept-ranges"] = "bytes";
  if (matchesEtag(exchange.headers["if-none-match"], hash)) return { status: 304, headers };
  return withRange(exchange, headers, asset.body, hash);
}

function withRange(exchange: Exchange, headers: OutgoingHttpHeaders, body: Buffer, hash: string): Reply {
  const condition = headerText(exchange.headers["if-range"]);
  const whole = exchange.method !== "GET" || (condition !== undefined && condition !== `"${hash}"`);
  const range = whole ? undefined : parseRange(exchange.headers.range, body.length);
  if (range === undefined)
    return { status: 200, headers: { ...headers, "content-length": body.length }, body };
  if (range === "unsatisfiable") {
    return { status: 416, headers: { "content-range": `bytes */${body.length}`, "content-length": 0 } };
  }
  const part = body.subarray(range.start, range.end + 1);
  const contentRange = `bytes ${range.start}-${range.end}/${body.length}`;
  return {
    status: 206,
    headers: { ...headers, "content-length": part.length, "content-range": contentRange },
    body: part,
  };
}

function commonHeaders({ host }: Exchange): OutgoingHttpHeaders {
  return {
    "access-control-allow-origin": "*",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
    // Addresses below pages.dev are kept out of search engines where they are not the site's own name.
    ...(host.endsWith(".pages.dev") && host.split(".").length > 3 ? { "x-robots-tag": "noindex" } : {}),
  };
}

/** A path in the same site keeps the visitor's host; the visitor's query goes along unless the rule has its own. */
function redirectByRule(exchange: Exchange, to: string, status: number): Reply {
  const [address = "", hash] = to.split("#", 2);
  const location = address.includes("?") ? address : address + exchange.query;
  return {
    status,
    headers: { ...commonHeaders(exchange), location: hash === undefined ? location : `${location}#${hash}` },
  };
}

/** Weak comparison: the tag comes back as `W/"…"` where the answer was compressed. */
function matchesEtag(header: string | undefined, hash: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((tag) => {
    const bare = tag.trim().replace(/^W\//, "");
    return bare === "*" || bare === `"${hash}"`;
  });
}

function fileLost(exchange: Exchange, path: string): Reply {
  const outcome = fail(edgeErrors.badGateway(`the content of ${path} is not in the store`), exchange);
  return outcome.kind === "reply" ? outcome.reply : plain(502, "Bad gateway");
}

function nothingYet(project: string): Reply {
  return plain(404, `Nothing is here yet: the Pages project ${project} has no deployment.`);
}

function plain(status: number, body: string): Reply {
  return {
    status,
    headers: { "content-type": "text/plain;charset=UTF-8", "cache-control": "no-store" },
    body: `${body}\n`,
  };
}

function decodePath(path: string): string | undefined {
  try {
    // Several slashes are one: `//example.com` must never become a redirect to another site.
    return decodeURIComponent(path).replace(/\/{2,}/g, "/");
  } catch {
    return undefined;
  }
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
