/** The boxes of the drawing, with what is said in them. */
import {
  type Component,
  count,
  objectOf,
  own,
  plural,
  protectedHosts,
  stateOfComponent,
  texts,
  worst,
} from "./component";
import { databaseOf, databasePlace } from "./databases";
import type { EnvironmentAddress, EnvironmentNode } from "./model";
import { plainList, plainText, textOf } from "./plain";

/** One box for Cloudflare, and those of each component; none where nothing is deployed. */
export function nodesOf(
  components: readonly Component[],
  addresses: readonly EnvironmentAddress[],
  outputs: Readonly<Record<string, unknown>> | undefined,
): EnvironmentNode[] {
  if (components.length === 0) return [];
  const nodes = components.flatMap((component) => componentNodes(component, addresses, outputs));
  return [edgeNode(components), ...nodes];
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
