/** The compose file under which a release runs against a copy of its database. Pure. */
import { type ComposeSummary, serviceOf } from "../../../components/origin/compose-files";

/** What the overlay is made of. */
export interface OverlayParts {
  readonly project: string;
  readonly summary: ComposeSummary;
  /** Services that run: the one that migrates, those that are looked at. */
  readonly services: readonly string[];
  /** Those that the origin certificate is mounted into. */
  readonly withCertificate: readonly string[];
}

/**
 * Takes the services out of the networks and volumes of the real ones: they reach the copy's network and nothing else,
 * folders of the host are read only, and a named volume is an empty one.
 */
export function rehearsalOverlay({ project, services, summary, withCertificate }: OverlayParts): string {
  return [
    "services:",
    ...[...new Set(services)].flatMap((service) => [
      `  ${JSON.stringify(service)}:`,
      "    ports: !reset []",
      "    container_name: !reset null",
      "    network_mode: !reset null",
      "    depends_on: !reset {}",
      "    links: !reset []",
      "    external_links: !reset []",
      "    volumes_from: !reset []",
      '    restart: "no"',
      "    networks: !override {default: {}}",
      `    volumes: !override ${JSON.stringify([
        ...mountsOf(summary, service),
        ...(withCertificate.includes(service) ? ["./certificates:/certificates:ro"] : []),
      ])}`,
    ]),
    "networks:",
    `  default: !override ${JSON.stringify({ name: `${project}-rehearsal_default`, external: true })}`,
    "",
  ].join("\n");
}

function mountsOf(summary: ComposeSummary, service: string): unknown[] {
  const { volumes } = serviceOf(summary, service);
  if (!Array.isArray(volumes)) return [];
  return volumes.flatMap((mount: unknown): unknown[] => {
    if (typeof mount === "string") {
      const [source = "", target] = mount.split(":");
      if (target === undefined) return [source];
      return [/^[./~$]/.test(source) ? `${source}:${target}:ro` : target];
    }
    if (typeof mount !== "object" || mount === null) return [];
    const { source, target, type } = mount as { source?: unknown; target?: unknown; type?: unknown };
    if (type === "bind") return [{ ...mount, read_only: true }];
    if (type === "tmpfs") return [mount];
    return typeof target === "string" && source !== undefined ? [target] : [mount];
  });
}
