import { nameOf } from "../../automation/state";
import { aboutResource, publicId } from "./about";
import { type Component, componentPrefix, emptyComponent, objectOf, worst } from "./component";
import { rolesOf } from "./databases";
import { linksOf } from "./links";
import {
  componentKey,
  type EnvironmentAddress,
  type EnvironmentModel,
  type EnvironmentResource,
  type LastUpdate,
  type State,
} from "./model";
import { nodesOf } from "./nodes";
import { plainList, secretTexts, type StateResource, withoutSecrets } from "./plain";

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

function isResource(value: unknown): value is StateResource {
  const resource = value as Partial<StateResource> | null;
  return typeof resource?.urn === "string" && typeof resource.type === "string";
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
