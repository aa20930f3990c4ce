/** What leads to what in the drawing. */
import { type Component, protectedHosts } from "./component";
import type { EnvironmentLink, EnvironmentNode } from "./model";

/** Arrows from the edge over Access, sites, origins and services to data. */
export function linksOf(
  nodes: readonly EnvironmentNode[],
  components: readonly Component[],
): EnvironmentLink[] {
  const links: EnvironmentLink[] = [];
  const of = (...kinds: readonly string[]) => nodes.filter(({ kind }) => kinds.includes(kind));
  const gates = of("access").map((node) => ({
    id: node.id,
    hosts: protectedHosts(components.find(({ key }) => key === node.component)!),
  }));
  const isBehind = (node: EnvironmentNode, hosts: readonly string[]) =>
    node.facts.some((fact) => hosts.includes(fact));
  const tunnelled = (origin: EnvironmentNode) =>
    of("tunnel").filter((tunnel) => tunnel.facts.some((fact) => origin.facts.includes(fact)));

  for (const node of of("access")) links.push({ from: "edge", to: node.id });
  for (const node of of("site", "origin", "tunnel")) {
    const through = gates.filter(({ hosts }) => isBehind(node, hosts));
    if (node.kind === "origin" && tunnelled(node).length > 0) {
      for (const tunnel of tunnelled(node)) links.push({ from: tunnel.id, to: node.id });
    } else if (through.length === 0) links.push({ from: "edge", to: node.id });
    for (const gate of through) links.push({ from: gate.id, to: node.id });
  }
  for (const service of of("service")) {
    const origin = of("origin").find(({ component }) => component === service.component);
    if (origin !== undefined) links.push({ from: origin.id, to: service.id });
    for (const data of of("database", "bucket", "token")) links.push({ from: service.id, to: data.id });
  }
  return links;
}
