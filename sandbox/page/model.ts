/**
 * An environment as the page draws it: plain JSON, made of what may be shown to anybody who looks over a shoulder.
 * It holds no secret: {@link modelFromDeployment} takes over only what it names.
 */
export interface EnvironmentModel {
  readonly stack: string;
  readonly project: string;
  readonly state: State;
  /** What a reader should know of this environment, one sentence each, such as "Docker is missing: plain processes". */
  readonly notes: readonly string[];
  readonly nodes: readonly EnvironmentNode[];
  readonly links: readonly EnvironmentLink[];
  readonly addresses: readonly EnvironmentAddress[];
  readonly roles: readonly DatabaseRole[];
  readonly resources: readonly EnvironmentResource[];
  readonly lastUpdate?: LastUpdate;
}

/** `ok` is there, `working` is being changed, `failed` needs a look, `unknown` was not asked. */
export type State = "ok" | "working" | "failed" | "unknown";

/** A column of the drawing, from visitors to data. */
export type Lane = "edge" | "entry" | "service" | "data";

export type NodeKind =
  "edge" | "access" | "site" | "origin" | "tunnel" | "service" | "database" | "role" | "bucket" | "token";

export interface EnvironmentNode {
  readonly id: string;
  readonly lane: Lane;
  readonly kind: NodeKind;
  readonly title: string;
  /** Short facts, each a line. */
  readonly facts: readonly string[];
  readonly state: State;
  /** Opened by the title. */
  readonly url?: string;
  /** {@link componentKey} of the resources that this stands for. */
  readonly component?: string;
}

export interface EnvironmentLink {
  readonly from: string;
  readonly to: string;
  readonly label?: string;
}

export interface EnvironmentAddress {
  /** What answers, such as `sites.web`. */
  readonly label: string;
  /** Where it can be opened from this machine. */
  readonly url: string;
  /** The name the world knows it by, where that is another one. */
  readonly publicUrl?: string;
  readonly state: State;
  /** Such as "200 in 12 ms". */
  readonly detail?: string;
}

export interface DatabaseRole {
  readonly database: string;
  readonly role: string;
  readonly purpose: string;
  readonly rights: string;
}

export interface EnvironmentResource {
  readonly urn: string;
  readonly name: string;
  /** Such as `cloudflare:index/dnsRecord:DnsRecord`. */
  readonly type: string;
  /** Name of the component it belongs to; empty for those that belong to the stack itself. */
  readonly component: string;
  /** Such as `AppOrigin`. */
  readonly componentType: string;
  /** The provider's id, unless it could be a secret. */
  readonly id?: string;
  /** What it is about, such as a host name. */
  readonly about?: string;
  readonly state: State;
}

export interface LastUpdate {
  /** `update`, `destroy`, `refresh` … */
  readonly kind: string;
  readonly result: "succeeded" | "failed" | "in-progress";
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string;
  /** Such as `{ create: 12, same: 30 }`. */
  readonly changes: Readonly<Record<string, number>>;
}

/** Names a component: its type belongs to it, as a tunnel and an origin may have the same name. */
export function componentKey({
  component,
  componentType,
}: Pick<EnvironmentResource, "component" | "componentType">): string {
  return component === "" ? "" : `${componentType}/${component}`;
}
