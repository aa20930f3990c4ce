/** What a stand-in is told, as JSON in GROUNDWORK_STAND_IN. */
export interface StandInTask {
  readonly service: string;
  /** The image that is not to be had. */
  readonly of: string;
  /** Ports to answer on by plain HTTP, as the container has them. */
  readonly ports: readonly number[];
  /** Ports to answer on by TLS. */
  readonly tlsPorts: readonly number[];
}

/** What a compose file says of a service, as far as it tells its ports. */
export interface ServiceFacts {
  readonly service: string;
  readonly image: string;
  readonly environment: Readonly<Record<string, string | null | undefined>>;
  readonly published: readonly { readonly hostPort: number; readonly containerPort: number }[];
  /** Words of the health check. */
  readonly healthcheck: readonly string[];
}

/** Where the stand-in's program lies in its image. */
export const standInProgram = "/app/stand-in.js";

/**
 * The ports of a service that nobody can ask for them: those it publishes, `PORT`, and those that its health check asks
 * on its own machine. A port published as 443 speaks TLS.
 */
export function standInTask({
  service,
  image,
  environment,
  published,
  healthcheck,
}: ServiceFacts): StandInTask {
  const tlsPorts = new Set(
    published.filter(({ hostPort }) => hostPort === 443).map(({ containerPort }) => containerPort),
  );
  const asked = [
    ...healthcheck.join(" ").matchAll(/(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0):(\d{2,5})/g),
  ];
  const ports = new Set([
    ...published.map(({ containerPort }) => containerPort),
    ...asked.map(([, port]) => Number(port)),
    ...[Number(environment["PORT"] ?? 0)],
  ]);
  return {
    service,
    of: image,
    ports: [...ports].filter((port) => isPort(port) && !tlsPorts.has(port)).sort((one, other) => one - other),
    tlsPorts: [...tlsPorts],
  };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
