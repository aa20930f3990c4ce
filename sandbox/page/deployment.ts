import {
  isMarked,
  plainList,
  plainText,
  secretTexts,
  type StateResource,
  textOf,
  withoutSecrets,
} from "./plain";
import type {
  DatabaseRole,
  EnvironmentAddress,
  EnvironmentLink,
  EnvironmentModel,
  EnvironmentNode,
  EnvironmentResource,
  LastUpdate,
  State,
} from "./model";
import { componentKey } from "./model";
import { aboutResource, publicId } from "./about";

/** What {@link modelFromDeployment} is made from. */
export interface DeploymentParts {
  readonly stack: string;
  /** @default "groundwork" */
  readonly project?: string;
  /** `deployment.resources` of `pulumi stack export`; undefined or empty before the first update. */
  readonly resources?: readonly unknown[] | undefined;
  /** URNs of `deployment.pending_operations`, being changed now or left half done. */
  readonly pending?: readonly string[];
  /** Outputs of the stack, secret ones masked or not. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Addresses as they can be opened here, asked or not. @default those of the outputs, not asked */
  readonly addresses?: readonly EnvironmentAddress[];
  readonly lastUpdate?: LastUpdate;
  readonly notes?: readonly string[];
}

const componentPrefix = "groundwork:index:";

/**
 * The drawing of a deployment. Resources are grouped by the outermost component above them. Values come into it one
 * by one, by name; secrets never do, also where the state was exported with `--show-secrets`.
 */
export function modelFromDeployment(parts: DeploymentParts): EnvironmentModel {
  const raw = (parts.resources ?? []).filter(isResource);
  const resources = raw.map((resource) => describeResource(resource, raw, new Set(parts.pending ?? [])));
  const byComponent = new Map<string, Component>();
  raw.forEach((resource, index) => {
    const description = resources[index]!;
    if (description.component === "") return;
    const key = componentKey(description);
    const component = byComponent.get(key) ?? emptyComponent(description);
    byComponent.set(key, component);
    component.children.push({ resource, description });
  });
  const components = [...byComponent.values()];
  const addresses = parts.addresses ?? addressesOf(parts.outputs);
  const nodes = nodesOf(components, addresses, parts.outputs);
  const roles = rolesOf(components, parts.outputs);
  const model: EnvironmentModel = {
    stack: parts.stack,
    project: parts.project ?? "groundwork",
    state: overall(resources, addresses, parts.lastUpdate),
    notes: parts.notes ?? [],
    nodes,
    links: linksOf(nodes, components),
    addresses,
    roles,
    resources: resources.filter(
      ({ type }) => !type.startsWith("pulumi:") && !type.startsWith(componentPrefix),
    ),
    ...(parts.lastUpdate === undefined ? {} : { lastUpdate: parts.lastUpdate }),
  };
  return withoutSecrets(model, secretTexts([raw, parts.outputs]));
}

interface Component {
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly children: { readonly resource: StateResource; readonly description: EnvironmentResource }[];
}

function emptyComponent(resource: EnvironmentResource): Component {
  return {
    key: componentKey(resource),
    name: resource.component,
    type: resource.componentType,
    children: [],
  };
}

function isResource(value: unknown): value is StateResource {
  const resource = value as Partial<StateResource> | null;
  return typeof resource?.urn === "string" && typeof resource.type === "string";
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

function describeResource(
  resource: StateResource,
  all: readonly StateResource[],
  pending: ReadonlySet<string>,
): EnvironmentResource {
  const component = outermostComponent(resource, all);
  const id = publicId(resource);
  const about = aboutResource(resource);
  return {
    urn: resource.urn,
    name: nameOf(resource.urn),
    type: resource.type,
    component: component === undefined ? "" : nameOf(component.urn),
    componentType: component?.type.slice(componentPrefix.length) ?? "",
    ...(id === undefined ? {} : { id }),
    ...(about === undefined ? {} : { about }),
    state: stateOf(resource, pending),
  };
}

function outermostComponent(
  resource: StateResource,
  all: readonly StateResource[],
): StateResource | undefined {
  const byUrn = new Map(all.map((each) => [each.urn, each]));
  let found: StateResource | undefined;
  const seen = new Set<string>();
  for (
    let each: StateResource | undefined = resource;
    each !== undefined;
    each = byUrn.get(each.parent ?? "")
  ) {
    if (seen.has(each.urn)) break;
    seen.add(each.urn);
    if (each.type.startsWith(componentPrefix)) found = each;
  }
  return found;
}

function stateOf(resource: StateResource, pending: ReadonlySet<string>): State {
  if ((resource.initErrors?.length ?? 0) > 0) return "failed";
  if (resource.delete === true || resource.pendingReplacement === true || pending.has(resource.urn))
    return "working";
  return "ok";
}

/** The worst of several states; `unknown` only where nothing else is known. */
function worst(states: readonly State[]): State {
  const order: readonly State[] = ["failed", "working", "ok", "unknown"];
  return order.find((state) => states.includes(state)) ?? "unknown";
}

function overall(
  resources: readonly EnvironmentResource[],
  addresses: readonly EnvironmentAddress[],
  lastUpdate: LastUpdate | undefined,
): State {
  const update: State[] =
    lastUpdate === undefined
      ? []
      : [lastUpdate.result === "failed" ? "failed" : lastUpdate.result === "in-progress" ? "working" : "ok"];
  const states = [...resources.map(({ state }) => state), ...addresses.map(({ state }) => state), ...update];
  return resources.length === 0 && lastUpdate?.result !== "in-progress" ? worst(update) : worst(states);
}

function addressesOf(outputs: Readonly<Record<string, unknown>> | undefined): EnvironmentAddress[] {
  const found: EnvironmentAddress[] = [];
  for (const [label, urls] of Object.entries(objectOf(outputs?.["addresses"]))) {
    for (const url of plainList(urls)) found.push({ label, url, state: "unknown" });
  }
  return found;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value) && !isMarked(value);
  return isObject ? (value as Record<string, unknown>) : {};
}

/** Plain texts of a property over all children of one type, without repetition. */
function texts(component: Component, type: string, property: string): string[] {
  const all = component.children
    .filter(({ resource }) => resource.type.endsWith(type))
    .flatMap(({ resource }) => {
      const single = textOf(resource, property);
      return single === undefined
        ? plainList(resource.outputs?.[property] ?? resource.inputs?.[property])
        : [single];
    });
  return [...new Set(all)];
}

function count(component: Component, type: string): number {
  return component.children.filter(({ resource }) => resource.type.endsWith(type)).length;
}

/** What a component itself says of a property: its registered outputs, else its arguments. */
function own(component: Component, property: string): unknown {
  const self = component.children.find(
    ({ resource }) => resource.type === componentPrefix + component.type,
  )?.resource;
  return self?.outputs?.[property] ?? self?.inputs?.[property];
}

function plural(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function nodesOf(
  components: readonly Component[],
  addresses: readonly EnvironmentAddress[],
  outputs: Readonly<Record<string, unknown>> | undefined,
): EnvironmentNode[] {
  if (components.length === 0) return [];
  const nodes = components.flatMap((component) => componentNodes(component, addresses, outputs));
  return [edgeNode(components), ...nodes];
}

function stateOfComponent(component: Component): State {
  return worst(component.children.map(({ description }) => description.state));
}

const settingLabels: Readonly<Record<string, string>> = {
  ssl: "TLS to the origin",
  min_tls_version: "TLS at least",
  always_use_https: "HTTPS always",
  websockets: "WebSockets",
  brotli: "Brotli",
};

function edgeNode(components: readonly Component[]): EnvironmentNode {
  const zones = components.filter(({ type }) => type === "ZoneBaseline");
  const settings = zones.flatMap((zone) =>
    zone.children.flatMap(({ resource }) => {
      const id = textOf(resource, "settingId");
      const label = id === undefined ? undefined : settingLabels[id];
      const value = textOf(resource, "value");
      return label === undefined || value === undefined ? [] : [`${label}: ${value}`];
    }),
  );
  const records = components.reduce((sum, component) => sum + count(component, ":DnsRecord"), 0);
  return {
    id: "edge",
    lane: "edge",
    kind: "edge",
    title: "Cloudflare",
    facts: [...settings, plural(records, "DNS record")],
    state: zones.length === 0 ? "ok" : worst(zones.map(stateOfComponent)),
    ...(zones[0] === undefined ? {} : { component: zones[0].key }),
  };
}

function componentNodes(
  component: Component,
  addresses: readonly EnvironmentAddress[],
  outputs: Readonly<Record<string, unknown>> | undefined,
): EnvironmentNode[] {
  const { key, name, type } = component;
  const base = { component: key, state: stateOfComponent(component) };
  switch (type) {
    case "AccessProtectedEnv": {
      const policies = component.children.filter(({ resource }) =>
        resource.type.endsWith(":ZeroTrustAccessPolicy"),
      );
      const bypasses = policies.filter(({ resource }) => textOf(resource, "decision") === "bypass").length;
      const facts = [
        ...protectedHosts(component),
        ...(bypasses > 0 ? [`${plural(bypasses, "policy", "policies")} for public paths`] : []),
        ...texts(component, ":ZeroTrustAccessIdentityProvider", "type").map(
          (provider) => `login: ${provider}`,
        ),
      ];
      return [{ ...base, id: `access:${name}`, lane: "edge", kind: "access", title: "Access", facts }];
    }
    case "PagesSite": {
      const hosts = texts(component, ":PagesDomain", "name");
      const [subdomain] = texts(component, ":PagesProject", "subdomain");
      const [branch] = texts(component, ":PagesProject", "productionBranch");
      return [
        withAddress(addresses, `sites.${name}`, hosts, {
          ...base,
          id: `site:${name}`,
          lane: "entry",
          kind: "site",
          title: name,
          facts: [
            ...hosts,
            ...(subdomain === undefined ? [] : [`Pages: ${subdomain}`]),
            ...(branch === undefined ? [] : [`production: ${branch}`]),
          ],
        }),
      ];
    }
    case "AppOrigin":
      return originNodes(component, addresses, base);
    case "Tunnel":
      return [
        {
          ...base,
          id: `tunnel:${name}`,
          lane: "entry",
          kind: "tunnel",
          title: `tunnel ${name}`,
          facts: [...plainList(own(component, "hostnames")), "no inbound port"],
        },
      ];
    case "PostgresWithAppUser": {
      const database = databaseOf(component, outputs);
      return [
        {
          ...base,
          id: `database:${name}`,
          lane: "data",
          kind: "database",
          title: database.database,
          facts: [
            databasePlace(component),
            ...(database.app === undefined ? [] : [`application: ${database.app}`]),
            ...(database.migrator === undefined ? [] : [`migrations: ${database.migrator}`]),
          ],
        },
      ];
    }
    case "R2Buckets":
      return bucketNodes(component);
    case "ScopedToken":
      return [
        {
          ...base,
          id: `token:${name}`,
          lane: "data",
          kind: "token",
          title: name,
          facts: ["scoped API token"],
        },
      ];
    default:
      return [];
  }
}

function protectedHosts(component: Component): string[] {
  const hosts = component.children
    .filter(({ resource }) => resource.type.endsWith(":ZeroTrustAccessApplication"))
    .flatMap(({ resource }) => {
      const destinations = resource.outputs?.["destinations"] ?? resource.inputs?.["destinations"];
      const uris = Array.isArray(destinations)
        ? destinations.map((each) => plainText((each as { uri?: unknown } | null)?.uri))
        : [];
      return [textOf(resource, "domain"), ...uris];
    })
    .filter((host) => host !== undefined);
  // Applications for public paths have a path; they protect nothing.
  return [...new Set(hosts.filter((host) => !host.includes("/")))];
}

function originNodes(
  component: Component,
  addresses: readonly EnvironmentAddress[],
  base: Pick<EnvironmentNode, "component" | "state">,
): EnvironmentNode[] {
  const { name } = component;
  const hosts = [...plainList(own(component, "hostnames")), ...texts(component, ":DnsRecord", "name")];
  const targets = texts(component, ":DnsRecord", "content");
  const release = plainText(own(component, "release"));
  const origin = withAddress(addresses, `origins.${name}`, hosts, {
    ...base,
    id: `origin:${name}`,
    lane: "entry",
    kind: "origin",
    title: name,
    facts: [
      ...new Set(hosts),
      ...targets.map((target) => `at ${target}`),
      ...(count(component, ":OriginCaCertificate") > 0 ? ["origin certificate"] : []),
    ],
  });
  const services = Object.entries(objectOf(own(component, "services")));
  const steps = count(component, ":Command");
  if (plainText(own(component, "kind")) === "external" || (services.length === 0 && steps === 0))
    return [origin];
  const project = plainText(own(component, "project"));
  const described = services.length === 0 ? [[project ?? name, {}] as const] : services;
  return [
    origin,
    ...described.map(([service, spec]): EnvironmentNode => ({
      ...base,
      id: `service:${name}:${service}`,
      lane: "service",
      kind: "service",
      title: service,
      facts: [
        ...ports(objectOf(spec)),
        ...(project === undefined ? [] : [`compose project ${project}`]),
        ...(release === undefined ? [] : [`release ${release.slice(0, 12)}`]),
      ],
    })),
  ];
}

/** Such as `port 80 → 4000` and `port 443 → 4443, TLS`. */
function ports(service: Readonly<Record<string, unknown>>): string[] {
  const tls = objectOf(service["tls"]);
  const line = (from: unknown, to: unknown, note: string) => {
    const [outer, inner] = [plainText(from), plainText(to)];
    if (inner === undefined) return [];
    return [outer === undefined ? `port ${inner}, not published${note}` : `port ${outer} → ${inner}${note}`];
  };
  return [...line(service["publish"], service["port"], ""), ...line(tls["publish"], tls["port"], ", TLS")];
}

function bucketNodes(component: Component): EnvironmentNode[] {
  return component.children
    .filter(({ resource }) => resource.type.endsWith(":R2Bucket"))
    .map(({ resource, description }): EnvironmentNode => {
      const bucket = textOf(resource, "name") ?? description.name;
      const domains = component.children
        .filter(
          (each) =>
            each.resource.type.endsWith(":R2CustomDomain") && textOf(each.resource, "bucketName") === bucket,
        )
        .map((each) => textOf(each.resource, "domain"))
        .filter((domain) => domain !== undefined);
      const location = textOf(resource, "location");
      return {
        id: `bucket:${bucket}`,
        lane: "data",
        kind: "bucket",
        title: bucket,
        facts: ["R2 bucket", ...domains, ...(location === undefined ? [] : [`in ${location}`])],
        state: description.state,
        component: component.key,
      };
    });
}

/** Takes link and state over from the address of that part, if one was asked. */
function withAddress(
  addresses: readonly EnvironmentAddress[],
  label: string,
  hosts: readonly string[],
  node: EnvironmentNode,
): EnvironmentNode {
  const mine = addresses.filter((address) => address.label === label);
  const fallback = addresses.filter(({ url, publicUrl }) => hosts.includes(hostOf(publicUrl ?? url)));
  const [address] = mine.length > 0 ? mine : fallback;
  if (address === undefined) return node;
  const asked = address.state === "unknown" ? [] : [address.state];
  return { ...node, url: address.url, state: worst([node.state, ...asked]) };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

function databasePlace(component: Component): string {
  if (plainText(own(component, "kind")) === "external") {
    const address = plainText(own(component, "address"));
    return address === undefined ? "PostgreSQL elsewhere" : `PostgreSQL at ${address}`;
  }
  return `PostgreSQL in ${plainText(own(component, "service")) ?? "db"}`;
}

function databaseOf(
  component: Component,
  outputs: Readonly<Record<string, unknown>> | undefined,
): { database: string; app: string | undefined; migrator: string | undefined } {
  const said = objectOf(objectOf(outputs?.["databases"])[component.name]);
  const text = (output: string, property: string) =>
    plainText(said[output]) ?? plainText(own(component, property));
  return {
    database: text("database", "databaseName") ?? component.name,
    app: text("appUser", "appUser"),
    migrator: text("migratorUser", "migratorUser"),
  };
}

const furtherRoles: readonly (readonly [string, string, string])[] = [
  ["readOnlyUser", "reports", "SELECT"],
  ["backupUser", "backups", "reads everything (pg_read_all_data)"],
  ["monitorUser", "monitoring", "statistics (pg_monitor)"],
  ["replicationUser", "logical replication", "REPLICATION, SELECT on published tables"],
];

function rolesOf(
  components: readonly Component[],
  outputs: Readonly<Record<string, unknown>> | undefined,
): DatabaseRole[] {
  return components
    .filter(({ type }) => type === "PostgresWithAppUser")
    .flatMap((component) => {
      const { database, app, migrator } = databaseOf(component, outputs);
      const said = objectOf(objectOf(outputs?.["databases"])[component.name]);
      const roles: (DatabaseRole | undefined)[] = [
        app === undefined
          ? undefined
          : { database, role: app, purpose: "application", rights: "SELECT, INSERT, UPDATE, DELETE" },
        migrator === undefined
          ? undefined
          : { database, role: migrator, purpose: "migrations", rights: "owns the schema" },
        ...furtherRoles.map(([key, purpose, rights]) => {
          const role = plainText(said[key]) ?? plainText(own(component, key));
          return role === undefined ? undefined : { database, role, purpose, rights };
        }),
      ];
      return roles.filter((role) => role !== undefined);
    });
}

function linksOf(nodes: readonly EnvironmentNode[], components: readonly Component[]): EnvironmentLink[] {
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
