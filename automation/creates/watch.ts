/** The creations at Cloudflare of one run, by the engine's events. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { markKey, marks } from "../../common/engine-values";
import type { StateResource, TakenIn } from "../state";

/** A creation. Times are milliseconds since 1970, in whole seconds. */
export interface Creation {
  /** As it would stand in the state; without its secrets. */
  readonly resource: StateResource;
  readonly begun: number;
}

/** One that was answered. */
export interface EndedCreation extends Creation {
  readonly resource: TakenIn;
  readonly ended: number;
}

type Metadata = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];

/** Takes the events of a run, and keeps what was created at Cloudflare. */
export class CreateWatch {
  private readonly begun = new Map<string, Creation>();
  private readonly ended = new Map<string, EndedCreation>();
  private readonly broken = new Set<string>();

  readonly add = ({ timestamp, ...event }: EngineEvent): void => {
    const { resourcePreEvent: before, resOutputsEvent: after, resOpFailedEvent: failed } = event;
    const metadata = (before ?? after ?? failed)?.metadata;
    if (metadata === undefined || !isCreation(metadata)) return;
    const { urn } = metadata;
    if (before !== undefined && before.planning !== true)
      this.begun.set(urn, { resource: resourceOf(metadata), begun: timestamp * 1000 });
    const { resource, begun } = this.begun.get(urn) ?? {};
    if (resource === undefined || begun === undefined) return;
    if (failed !== undefined) this.broken.add(urn);
    const id = metadata.new?.id ?? "";
    if (after !== undefined && id !== "")
      this.ended.set(urn, { resource: { ...resource, id }, begun, ended: timestamp * 1000 });
  };

  /** Those that failed: whether Cloudflare has carried them out, is not known. */
  get failed(): Creation[] {
    return [...this.begun.values()].filter(
      ({ resource: { urn } }) => this.broken.has(urn) && !this.ended.has(urn),
    );
  }

  /** Those that were done, and are in the state. */
  get done(): EndedCreation[] {
    return [...this.ended.values()];
  }
}

function isCreation({ op, type, new: made }: Metadata): boolean {
  return (op === "create" || op === "create-replacement") && type.startsWith("cloudflare:") && !!made;
}

function resourceOf({ urn, type, new: made }: Metadata): StateResource {
  const { parent, provider, protect, inputs } = made!;
  return {
    ...{ urn, type, custom: true, parent, provider },
    ...(protect === true ? { protect } : {}),
    inputs: withoutSecrets(inputs) as Record<string, unknown>,
  };
}

/** An event does not tell them; the next run writes them. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter(isOpen).map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => isOpen(each))
      .map(([name, each]) => [name, withoutSecrets(each)]),
  );
}

function isOpen(value: unknown): boolean {
  return (value as { [markKey]?: unknown } | null)?.[markKey] !== marks.secret;
}
