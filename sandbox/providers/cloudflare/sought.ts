/** A resource that is sought at Cloudflare by what was asked for, as nobody knows its id: by its key, or in a list. */
import type { OperationContext } from "../definition";
import { isObject, type Value, type Values } from "../values";
import { Client } from "./client";
import { fillPath } from "./paths";
import { clientOptions, provider } from "./provider";
import type { CloudflareResource } from "./resource";
import type { ResourceTable } from "./table";
import { tables } from "./tables";

/** A resource as it stands in a state; its secret inputs encrypted. */
export interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** Where and as whom Cloudflare is asked. */
export interface Place {
  /** CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN. */
  readonly environment: Readonly<Record<string, string>>;
  /** A zone that is known already. @default asked for by its name, where one is needed */
  readonly zone?: { readonly id: string; readonly name: string };
}

/** What may be it; `listed`: as a list tells it. */
export interface Candidate {
  readonly id: Value;
  readonly listed: Values;
}

/** One that can be read, compared and removed. */
type Seekable = CloudflareResource & Required<Pick<CloudflareResource, "read" | "delete" | "diff">>;

function isSeekable(definition: CloudflareResource): definition is Seekable {
  return definition.read !== undefined && definition.delete !== undefined && definition.diff !== undefined;
}

/** What is sought, and all that is needed to ask for it. */
export interface Sought {
  readonly table: ResourceTable;
  readonly definition: Seekable;
  readonly inputs: Values;
  readonly client: Client;
  readonly context: OperationContext<Client>;
  /** The input that is the last part of its address; undefined where that is an id which Cloudflare gives. */
  readonly key: string | undefined;
}

/** @returns undefined where such things cannot be read; `put` where a PUT creates them, so that the next one puts the same */
export function soughtOf(
  { urn, type, inputs = {} }: Recorded,
  { environment }: Place,
): Sought | "put" | undefined {
  const definition = provider.resources[type];
  const table = tables.find(({ name }) => type.startsWith("cloudflare:") && type.endsWith(`:${name}`));
  if (definition === undefined || table === undefined) return undefined;
  if (!table.create.startsWith("POST ")) return "put";
  if (table.read === undefined || !isSeekable(definition)) return undefined;
  const client = new Client(clientOptions({}, environment));
  const context: OperationContext<Client> = {
    urn,
    type,
    name: urn.split("::").at(-1) ?? urn,
    config: client,
    signal: AbortSignal.timeout(60_000),
    timeoutSeconds: 0,
    secretInputs: new Set(),
    log: () => undefined,
  };
  return {
    table,
    definition,
    inputs: inputs as Values,
    client,
    context,
    key: keyOf(table),
  };
}

function keyOf({ read = "GET /" }: ResourceTable): string | undefined {
  const key = /\{(\w+)\}$/.exec(read)?.[1];
  return key === "id" || key === "queueId" ? undefined : key;
}

/** Where all of its kind are listed; undefined where its zone is not found. */
export async function listPathOf(
  { table, inputs, client }: Sought,
  { zone }: Place,
): Promise<string | undefined> {
  const path = fillPath(table.create.slice("POST ".length), inputs, table.name);
  if (table.listedInZoneOf === undefined) return path;
  const hostname = table.listedInZoneOf(inputs);
  const isOfZone = zone !== undefined && `.${hostname}`.endsWith(`.${zone.name}`);
  const id = isOfZone ? zone.id : await zoneIdOf(hostname, client);
  return id === undefined ? undefined : `${path}?zone_id=${encodeURIComponent(id)}`;
}

/** The zone of a host: by its own name, or by the longest end of it that is a zone. */
async function zoneIdOf(hostname: string, client: Client): Promise<string | undefined> {
  const labels = hostname.split(".");
  for (const name of labels.slice(0, -1).map((_, index) => labels.slice(index).join("."))) {
    const { result } = await client.call({ method: "GET", path: `/zones?name=${encodeURIComponent(name)}` });
    const [found] = Array.isArray(result) ? result : [];
    const id = isObject(found) ? found["id"] : undefined;
    if (typeof id === "string") return id;
  }
  return undefined;
}

/** All there are; undefined where they cannot be listed. */
export async function listed(client: Client, path: string): Promise<readonly Candidate[] | undefined> {
  const items = await client.list({ method: "GET", path }, Infinity).catch(() => undefined);
  return items?.filter(isObject).map((item) => ({ id: item["id"], listed: item }));
}
