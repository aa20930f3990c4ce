/** A component of a deployment with the resources below it, and what is read of them. */
import { isMarked, plainList, plainText, type StateResource, textOf } from "./plain";
import { componentKey, type EnvironmentResource, type State } from "./model";

/** What types of components begin with. */
export const componentPrefix = "groundwork:index:";

/** The outermost component above some resources, and those. */
export interface Component {
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly children: { readonly resource: StateResource; readonly description: EnvironmentResource }[];
}

/** The component that a resource is below, without its resources. */
export function emptyComponent(resource: EnvironmentResource): Component {
  return {
    key: componentKey(resource),
    name: resource.component,
    type: resource.componentType,
    children: [],
  };
}

/** The worst of several states; `unknown` only where nothing else is known. */
export function worst(states: readonly State[]): State {
  const order: readonly State[] = ["failed", "working", "ok", "unknown"];
  return order.find((state) => states.includes(state)) ?? "unknown";
}

/** The members of an object; none where it is something else, or secret. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value) && !isMarked(value);
  return isObject ? (value as Record<string, unknown>) : {};
}

/** Plain texts of a property over all children of one type, without repetition. */
export function texts(component: Component, type: string, property: string): string[] {
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

/** How many resources of a type it has. */
export function count(component: Component, type: string): number {
  return component.children.filter(({ resource }) => resource.type.endsWith(type)).length;
}

/** What a component itself says of a property: its registered outputs, else its arguments. */
export function own(component: Component, property: string): unknown {
  const self = component.children.find(
    ({ resource }) => resource.type === componentPrefix + component.type,
  )?.resource;
  return self?.outputs?.[property] ?? self?.inputs?.[property];
}

/** `1 port`, `2 ports`. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** The worst state of its resources. */
export function stateOfComponent(component: Component): State {
  return worst(component.children.map(({ description }) => description.state));
}

/** Host names that an Access component closes whole. */
export function protectedHosts(component: Component): string[] {
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
