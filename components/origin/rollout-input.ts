/** What the programs of a release that run here read from standard input: dist/rollout.js and dist/verify-public.js. */
import { type Frames, listFrames } from "../../remote/framing";
import type { HostAccess, ResolveOverride } from "../../remote/access";

/** Standard input of dist/rollout.js, as JSON. Secret: it holds the key to the host. */
export interface RolloutInput {
  /** The origin's name, for messages and for the ledger. */
  readonly origin: string;
  /** The stack's name, for the commands that messages name. @default `<stack>` */
  readonly stack?: string | undefined;
  /** How the host is reached: `RemoteHost.access()`. */
  readonly host: HostAccess;
  /** Compose project on the host. */
  readonly project: string;
  /** The step that does it: a swarm has one of its own. @default "rollout" */
  readonly step?: "rollout" | "swarm-rollout" | undefined;
  /** Frames of the step `rollout`, without those that every step has: {@link rolloutFrames}. */
  readonly frames: Frames;
  /** Texts that must not be shown when the step fails. @default [] */
  readonly redact?: readonly string[];
  /** What is asked while the release goes on. @default nothing is asked, and there is no ledger */
  readonly probe?: ProbeInput;
}

/** What the prober asks. */
export interface ProbeInput {
  /** Whole public address of something that answers 2xx or 3xx: `https://api.example.com/health`. */
  readonly url: string;
  /** Path of a WebSocket of the same host, two of which are held open. @default none */
  readonly websocket?: string | undefined;
  /** Headers of each request, such as those of a service token of Access. @default {} */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Where hosts really are. @default [] */
  readonly resolve?: readonly ResolveOverride[] | undefined;
  /** Milliseconds from one request to the next. @default 100 */
  readonly intervalMs?: number | undefined;
  /** So many failures in a row after the switch switch back. 0: never. @default 5 */
  readonly abortAfter?: number | undefined;
}

/** A service of the release that is replaced beside its predecessor. */
export interface RollingService {
  readonly service: string;
  /** Its HTTP port inside the container. */
  readonly port: number;
  /** Asked through the proxy before the switch. @default `/`, where any answer but 502, 503 and 504 will do */
  readonly path?: string | undefined;
  /** Seconds for what is in flight. @default 10 */
  readonly drain?: number | undefined;
  /** @default 1 */
  readonly replicas?: number | undefined;
}

/** What a release is made of, for {@link rolloutFrames}. */
export interface RolloutSpec {
  readonly release: string;
  readonly pull?: "missing" | "always" | "never" | undefined;
  /** Seconds for the new containers to be healthy. */
  readonly timeout?: number | undefined;
  /** Releases kept on the host. */
  readonly keep?: number | undefined;
  readonly rolling: readonly RollingService[];
  /** Image references by service. */
  readonly images: Readonly<Record<string, string>>;
  /** Merged into the release's record.json: tags, config hash, secret versions, schema, breaking. */
  readonly record?: object | undefined;
  /** An archived release to go back to; its images and files are taken from its folder. */
  readonly to?: string | undefined;
}

/** Input of the step `rollout`, but for what every step has. */
export function rolloutFrames(spec: RolloutSpec): Frames {
  const { release, pull, timeout, keep, rolling, images, record, to } = spec;
  return {
    release,
    ...(pull === undefined ? {} : { pull }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(keep === undefined ? {} : { keep }),
    ...listFrames(
      "rolling",
      "rolling",
      rolling.map(({ service, port, path, drain, replicas }) => ({
        service,
        port,
        ...(path === undefined ? {} : { path }),
        drain: drain ?? 10,
        replicas: replicas ?? 1,
      })),
    ),
    ...listFrames(
      "images",
      "image",
      Object.entries(images).map(([service, reference]) => ({ service, reference })),
    ),
    ...(record === undefined ? {} : { record: JSON.stringify(record) }),
    ...(to === undefined ? {} : { to }),
  };
}

/** Standard input of dist/verify-public.js, as JSON. */
export interface VerifyPublicInput {
  /** What must answer; all are asked at once, again and again until `timeoutSeconds` are over. */
  readonly checks: readonly PublicCheck[];
  /** Addresses of the machine and ports of it that must not answer. @default none is tried */
  readonly closed?: { readonly addresses: readonly string[]; readonly ports: readonly number[] } | undefined;
  /** Where hosts really are. @default [] */
  readonly resolve?: readonly ResolveOverride[] | undefined;
  /** Seconds in which each check must have come true: a new DNS record takes some. @default 60 */
  readonly timeoutSeconds?: number | undefined;
  /** Changes with the release; not looked at. */
  readonly trigger?: string | undefined;
}

/** One question to the public address. */
export interface PublicCheck {
  /** `https://api.example.com/api/health` */
  readonly url: string;
  /** @default any of 200 to 399 */
  readonly status?: number | undefined;
  /** Text that the answer must hold. @default anything */
  readonly contains?: string | undefined;
  /** Must the answer come over HTTP/2? @default false */
  readonly http2?: boolean | undefined;
  /** Headers of the request, such as those of a service token of Access. @default {} */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}
