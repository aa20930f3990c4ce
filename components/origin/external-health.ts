import { request } from "node:https";
import { connect, type TLSSocket } from "node:tls";

/** Where a platform's application is asked, and as whom. */
export interface TargetPlace {
  /** Where to connect. */
  readonly address: string;
  /** @default 443 */
  readonly port?: number | undefined;
}

/** Asks an application at its platform, under a public name whose certificate is checked. @returns its status */
export function askTarget(place: TargetPlace, hostname: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: place.address,
        port: place.port ?? 443,
        servername: hostname,
        headers: { host: hostname },
        path,
        timeout: 10_000,
        agent: false,
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer within 10 s")));
    sent.on("error", reject);
    sent.end();
  });
}

/**
 * Waits until the application answers 2xx or 3xx, some times in a row.
 *
 * @returns what was wrong at the end; undefined where it answers
 */
export async function waitForHealth(
  place: TargetPlace,
  { hostname, path, passes = 1, timeoutMs }: HealthWait,
): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs;
  let good = 0;
  for (;;) {
    let problem: string | undefined;
    try {
      const status = await askTarget(place, hostname, path);
      if (status < 200 || status >= 400) problem = `answered ${status}`;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    good = problem === undefined ? good + 1 : 0;
    if (good >= passes) return undefined;
    if (problem !== undefined && Date.now() > deadline) return problem;
    await new Promise((resolve) => setTimeout(resolve, problem === undefined ? 200 : 1000));
  }
}

export interface HealthWait {
  readonly hostname: string;
  readonly path: string;
  /** Good answers in a row. @default 1 */
  readonly passes?: number;
  readonly timeoutMs: number;
}

/** A certificate that a platform shows for a host name. */
export interface ShownCertificate {
  readonly hostname: string;
  /** Why it is not valid; undefined where it is. */
  readonly problem?: string;
  /** Days until it ends. */
  readonly days?: number;
}

/** Asks the platform for its certificate for a host name, as Cloudflare does when `ssl` is strict. */
export function shownCertificate(place: TargetPlace, hostname: string): Promise<ShownCertificate> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect(
      { host: place.address, port: place.port ?? 443, servername: hostname, ALPNProtocols: ["http/1.1"] },
      () => {
        const { valid_to: end } = socket.getPeerCertificate();
        const days = Math.floor((Date.parse(end) - Date.now()) / 86_400_000);
        socket.destroy();
        resolve({ hostname, days });
      },
    );
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer within 10 s")));
    socket.on("error", (error: Error) => resolve({ hostname, problem: error.message }));
  });
}

/** The certificates of all host names, asked again for a while: a platform makes one when a name is added. */
export async function waitForCertificates(
  place: TargetPlace,
  hostnames: readonly string[],
  timeoutMs: number,
): Promise<readonly ShownCertificate[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const shown = await Promise.all(hostnames.map((hostname) => shownCertificate(place, hostname)));
    if (shown.every(({ problem }) => problem === undefined) || Date.now() > deadline) return shown;
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
