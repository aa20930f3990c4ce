import type { Exchange, Outcome, Reply } from "./exchange";

/** An error that Cloudflare answers by itself. */
export interface EdgeError {
  readonly status: number;
  /** Cloudflare's own number where it differs from the status, as in "530, error 1016". */
  readonly code?: number;
  readonly title: string;
  /** What happened here, in the sandbox, one sentence. */
  readonly detail: string;
  /** What to do about it. */
  readonly next?: string;
}

/** The errors by what happened. The details say what the sandbox saw. */
export const edgeErrors = {
  unknownHost: (host: string): EdgeError => ({
    status: 409,
    code: 1001,
    title: "DNS resolution error",
    detail: `No zone or Pages project of this account has the host name ${host}.`,
    next: "Add a DNS record for it, or check the spelling.",
  }),
  noRecord: (host: string, zone: string): EdgeError => ({
    status: 409,
    code: 1001,
    title: "DNS resolution error",
    detail: `The zone ${zone} has no A, AAAA or CNAME record for ${host}.`,
    next: "Add a proxied DNS record for it.",
  }),
  notProxied: (host: string, content: string): EdgeError => ({
    status: 409,
    title: "This record does not pass Cloudflare",
    detail: `${host} is a DNS-only record (${content}): clients connect to that address themselves.`,
    next: "Set proxied: true on the record, or connect to the address itself.",
  }),
  tunnel: (host: string): EdgeError => ({
    status: 530,
    code: 1033,
    title: "Cloudflare Tunnel error",
    detail: `${host} points to a tunnel, and no connector of it is running.`,
    next: "Start cloudflared on the host of this tunnel.",
  }),
  tunnelBroke: (tunnel: string, why: string): EdgeError => ({
    status: 502,
    title: "Bad gateway",
    detail: `The connection through the tunnel ${tunnel} broke before the answer: ${why}.`,
    next: "Look into the log of cloudflared, and of the service behind it.",
  }),
  noOriginDns: (name: string): EdgeError => ({
    status: 530,
    code: 1016,
    title: "Origin DNS error",
    detail: `The origin's name ${name} does not resolve in the sandbox.`,
    next: "Add it to groundwork:resolve, or check the CNAME record.",
  }),
  refused: (where: string): EdgeError => ({
    status: 521,
    title: "Web server is down",
    detail: `The origin ${where} refused the connection.`,
    next: "Check that the container runs and that its port is published.",
  }),
  connectTimeout: (where: string): EdgeError => ({
    status: 522,
    title: "Connection timed out",
    detail: `The origin ${where} did not accept a connection in time.`,
    next: "Check the address in the DNS record and the host's firewall.",
  }),
  pagesDomainMissing: (host: string, project: string): EdgeError => ({
    status: 522,
    title: "Connection timed out",
    detail: `${host} points to ${project}, but is not a custom domain of a Pages project.`,
    next: "Attach the domain to the project first (PagesDomain), then create the record.",
  }),
  unreachable: (where: string, why: string): EdgeError => ({
    status: 523,
    title: "Origin is unreachable",
    detail: `There is no way to the origin ${where}: ${why}.`,
    next: "Check the address in the DNS record, or add it to groundwork:resolve.",
  }),
  answerTimeout: (where: string): EdgeError => ({
    status: 524,
    title: "A timeout occurred",
    detail: `The origin ${where} accepted the request but did not answer in time.`,
    next: "Look into the application's log; long work belongs into a background job.",
  }),
  handshake: (where: string, why: string): EdgeError => ({
    status: 525,
    title: "SSL handshake failed",
    detail: `The TLS handshake with the origin ${where} failed: ${why}.`,
    next: "Check that the origin speaks TLS on this port, or set ssl to flexible.",
  }),
  certificate: (where: string, why: string): EdgeError => ({
    status: 526,
    title: "Invalid SSL certificate",
    detail: `ssl is strict, and the certificate of the origin ${where} is not valid: ${why}.`,
    next: "Install an Origin CA certificate for this host name at the origin.",
  }),
  unknown: (where: string, why: string): EdgeError => ({
    status: 520,
    title: "Web server is returning an unknown error",
    detail: `The origin ${where} gave no usable answer: ${why}.`,
    next: "Look into the application's log.",
  }),
  badGateway: (why: string): EdgeError => ({
    status: 502,
    title: "Bad gateway",
    detail: `The edge itself failed: ${why}.`,
  }),
  tooLarge: (limit: number): EdgeError => ({
    status: 413,
    title: "Request entity too large",
    detail: `A request body may have at most ${limit} bytes.`,
  }),
  blocked: (): EdgeError => ({
    status: 403,
    code: 1020,
    title: "Access denied",
    detail: "A custom rule of this zone blocked the request.",
  }),
  webSocketsOff: (): EdgeError => ({
    status: 403,
    title: "WebSockets are disabled",
    detail: "The zone's setting `websockets` is off.",
    next: 'Set it to "on".',
  }),
  sslOff: (): EdgeError => ({
    status: 403,
    title: "HTTPS is disabled",
    detail: "The zone's setting `ssl` is off: it serves plain HTTP only.",
  }),
} as const;

/** The page for an error. */
export function errorReply(error: EdgeError, exchange: Pick<Exchange, "ray" | "host">): Reply {
  const heading = error.code === undefined ? `Error ${error.status}` : `Error ${error.code}`;
  const body = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(exchange.host)} | ${error.status}: ${escapeHtml(error.title)}</title></head>
<body style="font-family: system-ui, sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em">
<h1>${heading}: ${escapeHtml(error.title)}</h1>
<p>${escapeHtml(error.detail)}</p>
${error.next === undefined ? "" : `<p><strong>What to do:</strong> ${escapeHtml(error.next)}</p>\n`}<hr>
<p><small>Host ${escapeHtml(exchange.host)} &middot; Ray ID ${exchange.ray} &middot; the Groundwork sandbox, in Cloudflare's place</small></p>
</body>
</html>
`;
  return {
    status: error.status,
    headers: {
      "content-type": "text/html; charset=UTF-8",
      "cache-control": "private, max-age=0, no-store, no-cache, must-revalidate",
      "content-length": Buffer.byteLength(body),
      "referrer-policy": "same-origin",
      "x-frame-options": "SAMEORIGIN",
    },
    body,
  };
}

/** The outcome for an error, for steps of the pipeline. */
export function fail(error: EdgeError, exchange: Exchange): Outcome {
  return { kind: "reply", reply: errorReply(error, exchange) };
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
