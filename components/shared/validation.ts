import * as pulumi from "@pulumi/pulumi";

/** One mistake in a component's arguments. */
export interface Issue {
  /** Path of the argument, such as `services.api.port`. */
  readonly property: string;
  /** What is wrong, one sentence without a full stop. */
  readonly problem: string;
  /** The value received. Never a secret. */
  readonly value?: string | undefined;
  /** What is allowed instead. */
  readonly allowed?: string | undefined;
}

/** Collects every mistake of a set of arguments, so that all are told at once. */
export class Issues {
  private readonly found: Issue[] = [];

  /** Records a mistake. A value is shown as JSON; leave it out for secrets. */
  add(property: string, problem: string, details: { value?: unknown; allowed?: string } = {}): void {
    this.found.push({
      property,
      problem,
      ...(details.value === undefined ? {} : { value: JSON.stringify(details.value) }),
      ...(details.allowed === undefined ? {} : { allowed: details.allowed }),
    });
  }

  /** Records a mistake unless the value passes; values that are not known yet (outputs, promises) pass. */
  check<T>(
    property: string,
    value: pulumi.Input<T> | undefined,
    passes: (value: T) => boolean,
    problem: string,
    allowed?: string,
  ): void {
    if (value === undefined || !isPlain(value) || passes(value)) return;
    this.add(property, problem, allowed === undefined ? { value } : { value, allowed });
  }

  get list(): readonly Issue[] {
    return this.found;
  }
}

/** Whether an input's value can be looked at while the program runs. */
export function isPlain<T>(value: pulumi.Input<T>): value is T & (T | Awaited<T>) {
  return !pulumi.Output.isInstance(value) && !(value instanceof Promise);
}

/** The text of all mistakes, one a line. */
export function formatIssues(component: string, name: string, issues: readonly Issue[]): string {
  const lines = issues.map(({ property, problem, value, allowed }) => {
    const received = value === undefined ? "" : `: ${value}`;
    return `  - ${property}: ${problem}${received}${allowed === undefined ? "" : ` (allowed: ${allowed})`}`;
  });
  const count = issues.length === 1 ? "1 mistake" : `${issues.length} mistakes`;
  return `${component} "${name}" has ${count} in its arguments:\n${lines.join("\n")}`;
}

/** Throws one error that names every mistake, if there is any. */
export function refuse(resource: pulumi.Resource, component: string, name: string, issues: Issues): void {
  if (issues.list.length === 0) return;
  throw new pulumi.ResourceError(formatIssues(component, name, issues.list), resource, true);
}

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const hostnamePattern = new RegExp(`^(${label}\\.)+${label}$`);

/** A full host name in lower case, without a final dot: `api.example.com`. */
export function isHostname(value: string): boolean {
  return value.length <= 253 && hostnamePattern.test(value);
}

export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535;
}

/** A path of a URL: starts with one slash; no space, query or fragment. */
export function isUrlPath(value: string): boolean {
  return /^\/(?!\/)[^\s?#]*$/.test(value);
}

/** The name of an environment variable as every shell and container runtime takes it. */
export function isVariableName(value: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(value);
}

/** Whether a host is the zone's own name or below it. */
export function isInZone(hostname: string, zoneName: string): boolean {
  return hostname === zoneName || hostname.endsWith(`.${zoneName}`);
}
