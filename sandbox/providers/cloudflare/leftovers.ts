/** What a killed run has made at Cloudflare without the state knowing of it. */
import { fillPath } from "./paths";
import { Client } from "./client";
import { clientOptions, provider } from "./provider";
import type { ResourceTable } from "./table";
import { tables } from "./tables";
import type { OperationContext } from "../definition";
import { isObject, type Value, type Values } from "../values";
import { textOf } from "./state";

/** A resource as it stands in a state; its secret inputs encrypted. */
export interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** What may be it; `listed`: as a list tells it. */
interface Candidate {
  readonly id: Value;
  readonly listed: Values;
}

/** What was made without the state knowing of it. */
export interface Leftover {
  readonly id: string;
  /** When it was made, by this machine's clock, ISO 8601, where Cloudflare tells that. */
  readonly madeAt?: string;
  /** False where it has a secret that Cloudflare tells once, in the answer to its creation. */
  readonly isWhole: boolean;
  remove(): Promise<void>;
}

/**
 * Looks for what a creation that was begun and never recorded may have made: what is there, is in no state, and equals it.
 * What a PUT creates is never found: the next one puts the same.
 *
 * @param resource what was being created
 * @param recorded all of the state: what is recorded is no leftover
 * @param environment CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN
 * @returns undefined where such things cannot be listed or read
 */
export async function findLeftovers(
  resource: Recorded,
  recorded: readonly Recorded[],
  environment: Readonly<Record<string, string>>,
): Promise<readonly Leftover[] | undefined> {
  const { urn, type } = resource;
  const definition = provider.resources[type];
  const table = tables.find(({ name }) => type.startsWith("cloudflare:") && type.endsWith(`:${name}`));
  if (definition === undefined || table === undefined) return undefined;
  if (!table.create.startsWith("POST ")) return [];
  if (definition.read === undefined || definition.delete === undefined || table.read === undefined)
    return undefined;

  const inputs = (resource.inputs ?? {}) as Values;
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
  const key = keyOf(table);
  const ofType = recorded.filter((one) => one.type === type);
  const candidates: Candidate[] | undefined =
    key === undefined
      ? await listed(client, table, inputs)
      : ofType.some((one) => (one.inputs as Values | undefined)?.[key] === inputs[key])
        ? []
        : [{ id: inputs[key], listed: {} }];
  if (candidates === undefined) return undefined;
  const leftovers: Leftover[] = [];
  for (const { id: candidate, listed: told } of candidates) {
    if (typeof candidate !== "string") continue;
    if (key === undefined && ofType.some((one) => one.id === candidate)) continue;
    const found = await definition.read({
      ...context,
      id: candidate,
      oldInputs: inputs,
      oldOutputs: inputs,
      isImport: false,
    });
    if (found === undefined) continue;
    const { id = candidate, outputs } = found;
    const { differences } = definition.diff!(
      { ...context, id, oldInputs: inputs, oldOutputs: outputs, news: inputs },
      { differences: [] },
    );
    // Names, hosts, contents. What is nested may be answered in other words than it was asked for.
    if (differences.some(({ path }) => typeof inputs[path] === "string")) continue;
    const madeAt = Date.parse(textOf(await timeOf(client, table, inputs, { ...told, ...outputs })));
    leftovers.push({
      id,
      ...(Number.isNaN(madeAt) ? {} : { madeAt: new Date(madeAt - client.ahead).toISOString() }),
      isWhole: (definition.secretOutputs ?? []).length === 0,
      remove: () =>
        definition.delete!({
          ...context,
          signal: AbortSignal.timeout(60_000),
          id,
          oldInputs: inputs,
          oldOutputs: { ...outputs, ...inputs },
        }),
    });
  }
  return leftovers;
}

/**
 * Removes what a creation has made that was begun and never recorded.
 *
 * @returns The id of what was removed; undefined where there was nothing.
 */
export async function removeLeftover(
  resource: Recorded,
  recorded: readonly Recorded[],
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const [found] = (await findLeftovers(resource, recorded, environment)) ?? [];
  await found?.remove();
  return found?.id;
}

/** Answers tell it also where a resource has no such property. */
const timeNames = [
  ...["createdOn", "createdAt", "creationDate", "issuedOn", "uploadedOn", "created"],
  ...["created_on", "created_at", "issued_on", "uploaded_on"],
];

/** When something was made, by Cloudflare's clock. */
async function timeOf(client: Client, table: ResourceTable, inputs: Values, known: Values): Promise<Value> {
  if (table.madeAt === undefined) return timeNames.map((name) => known[name]).find(isText);
  return table.madeAt(known, async (call) => {
    const path = fillPath(call.slice("GET ".length), inputs, table.name);
    return (await client.call({ method: "GET", path, headers: table.headers?.(inputs) })).result;
  });
}

const isText = (value: Value): boolean => typeof value === "string";

/** The input that is the last part of its address; undefined where that is an id which Cloudflare gives. */
function keyOf({ read = "GET /" }: ResourceTable): string | undefined {
  const key = /\{(\w+)\}$/.exec(read)?.[1];
  return key === "id" || key === "queueId" ? undefined : key;
}

/** All there are; undefined where they cannot be listed. */
async function listed(
  client: Client,
  table: ResourceTable,
  inputs: Values,
): Promise<Candidate[] | undefined> {
  const path = fillPath(table.create.slice("POST ".length), inputs, table.name);
  const items = await client.list({ method: "GET", path }, Infinity).catch(() => undefined);
  return items?.filter(isObject).map((item) => ({ id: item["id"], listed: item }));
}
