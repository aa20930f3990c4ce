/** Which proxy an address is reached through, by the usual variables of the environment. */

type Environment = Readonly<Record<string, string | undefined>>;

const loopback = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/i;

/**
 * HTTP_PROXY and HTTPS_PROXY, in lower or upper case, by the scheme; none for loopback and for what NO_PROXY lists
 * (host names with everything below them, `host:port`, or `*`).
 */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const variable = (name: string) => environment[name.toLowerCase()] ?? environment[name];
  const address = variable(`${url.protocol.slice(0, -1).toUpperCase()}_PROXY`);
  if (address === undefined || address === "" || loopback.test(url.hostname)) return undefined;
  const excluded = (variable("NO_PROXY") ?? "").split(/[\s,]+/).filter(Boolean);
  if (excluded.some((entry) => isCovered(url, entry))) return undefined;
  return new URL(address.includes("://") ? address : `http://${address}`);
}

function isCovered(url: URL, entry: string): boolean {
  if (entry === "*") return true;
  const [name = "", port] = entry.replace(/^\*?\./, "").split(":");
  if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) return false;
  return url.hostname === name || url.hostname.endsWith(`.${name}`);
}
