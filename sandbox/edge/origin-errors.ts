import type { EdgeError } from "./error-pages";
import { edgeErrors } from "./error-pages";
import type { OriginTarget } from "./exchange";

/** How far a connection to an origin came. */
export interface Progress {
  connected: boolean;
  secured: boolean;
}

/** Thrown into a request to an origin by our own clocks and limits. */
export class OriginFailure extends Error {
  constructor(readonly edgeError: EdgeError) {
    super(edgeError.title);
  }
}

const certificateCodes =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH|EE_)/;

/** An origin, for messages. */
export function whereOf({ recordContent, port, connect, tunnel }: OriginTarget): string {
  if (tunnel !== undefined) return `behind the tunnel ${tunnel.name}`;
  return `${recordContent}:${port} (here ${connect.host}:${connect.port})`;
}

/** Which of Cloudflare's errors a failed request to an origin is. */
export function classifyOriginError(
  error: NodeJS.ErrnoException,
  progress: Progress,
  target: OriginTarget,
): EdgeError {
  if (error instanceof OriginFailure) return error.edgeError;
  const code = error.code ?? "";
  if (target.tunnel !== undefined) return edgeErrors.tunnelBroke(target.tunnel.name, code || error.message);
  const { scheme } = target;
  const where = whereOf(target);
  if (certificateCodes.test(code)) return edgeErrors.certificate(where, error.message);
  if (!progress.connected) {
    if (code === "ETIMEDOUT") return edgeErrors.connectTimeout(where);
    if (code === "ENOTFOUND" || code === "EAI_AGAIN") return edgeErrors.noOriginDns(where);
    if (/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EINVAL|EACCES)$/.test(code))
      return edgeErrors.unreachable(where, code);
    return edgeErrors.refused(where);
  }
  if (scheme === "https" && !progress.secured)
    return edgeErrors.handshake(where, code === "" ? error.message : code);
  return edgeErrors.unknown(where, code === "" ? error.message : code);
}
