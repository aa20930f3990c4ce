import type { ComposeOriginSettings, OriginSettings, TunnelOriginSettings } from "./schema/origins";
import type { CompleteDatabase } from "./settings-type";

/**
 * An origin that runs on hosts, as one that runs on a single host: of a swarm it is the first one, which manages it and
 * has the databases and the releases. Undefined where it runs elsewhere.
 */
export function onHost(origin: OriginSettings): ComposeOriginSettings | TunnelOriginSettings | undefined {
  if (origin.kind === "external") return undefined;
  if (origin.kind !== "swarm") return origin;
  const { hosts, advertiseAddresses, ...rest } = origin;
  void advertiseAddresses;
  return { ...rest, kind: "compose", host: hosts[0] ?? "", ownCertificate: false };
}

/** The compose projects of an origin on its host: its own, and one for each colour and one for its proxy where it has those. */
export function projectsOf({
  project,
  services,
  proxy,
}: Pick<ComposeOriginSettings, "project" | "services" | "proxy">): string[] {
  const hasColours = Object.values(services).some(({ strategy }) => strategy === "start-first");
  const parts = [...(hasColours ? ["blue", "green"] : []), ...(proxy === undefined ? [] : ["proxy"])];
  return [project, ...parts.map((part) => `${project}-${part}`)];
}

/** Is it a database in a container of the origin's own compose project? Another host may have a project of that name. */
export function hasDatabase(origin: OriginSettings, database: CompleteDatabase): boolean {
  const deployed = onHost(origin);
  return (
    database.kind === "container" && deployed?.host === database.host && deployed.project === database.project
  );
}
