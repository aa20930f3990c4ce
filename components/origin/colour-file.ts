import { type ComposeSummary, networksOf, volumesOf } from "./compose-files";

/** The key of the proxy's network in our compose files; no user's file has it. */
export const edgeNetworkKey = "groundwork-edge";

/** The network that the proxy and what it leads to share. */
export function edgeNetwork(project: string): Record<string, object> {
  return { [edgeNetworkKey]: { name: `${project}-edge`, external: true } };
}

/**
 * The third compose file, laid over the others where a rolling service is started in the project of a colour: networks and
 * volumes are those of the base project, where other services use them too; nothing is published; and the proxy finds the
 * container as `<service>-<colour>`.
 */
export function colourFile(project: string, summary: ComposeSummary, rolling: readonly string[]): string {
  const others = Object.keys(summary.services).filter((service) => !rolling.includes(service));
  return [
    "# The project of one colour: blue and green in turn have the traffic.",
    "services:",
    ...rolling.flatMap((service) => {
      const networks = Object.fromEntries(networksOf(summary, service).map((name) => [name, null]));
      const edge = { aliases: [`${service}-\${GROUNDWORK_COLOUR}`] };
      return [
        `  ${JSON.stringify(service)}:`,
        "    ports: !reset []",
        "    container_name: !reset null",
        "    depends_on: !reset {}",
        "    links: !reset []",
        // A list and a map are laid over each other by name, so what the user says of a network stays.
        `    networks: ${JSON.stringify({ ...networks, [edgeNetworkKey]: edge })}`,
      ];
    }),
    "networks:",
    ...shared(project, summary.networks, used(networksOf), rolling, others),
    `  ${JSON.stringify(edgeNetworkKey)}: ${JSON.stringify(edgeNetwork(project)[edgeNetworkKey])}`,
    ...volumes(),
    "",
  ].join("\n");

  function used(of: (summary: ComposeSummary, service: string) => string[]) {
    return (services: readonly string[]) => new Set(services.flatMap((service) => of(summary, service)));
  }

  function volumes(): string[] {
    const lines = shared(project, summary.volumes, used(volumesOf), rolling, others, true);
    return lines.length === 0 ? [] : ["volumes:", ...lines];
  }
}

/**
 * What both a rolling service and one of the base project use belongs to the base. A network that only rolling services use
 * is left to each colour; a volume is one and the same for both.
 */
function shared(
  project: string,
  declared: ComposeSummary["networks"],
  used: (services: readonly string[]) => ReadonlySet<string>,
  rolling: readonly string[],
  others: readonly string[],
  always = false,
): string[] {
  const inBase = used(others);
  return [...used(rolling)].sort().flatMap((key) => {
    const { name, external } = declared?.[key] ?? {};
    if (external !== undefined && external !== false) return [];
    const real = typeof name === "string" ? name : `${project}_${key}`;
    if (inBase.has(key))
      return [`  ${JSON.stringify(key)}: !override ${JSON.stringify({ name: real, external: true })}`];
    return always ? [`  ${JSON.stringify(key)}: ${JSON.stringify({ name: real })}`] : [];
  });
}
