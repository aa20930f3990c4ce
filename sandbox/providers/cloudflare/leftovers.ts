/** What a killed run has made at Cloudflare without the state knowing of it. */
import { fillPath } from "./paths";
import { Client } from "./client";
import { clientOptions, provider } from "./provider";
import type { ResourceTable } from "./table";
import { tables } from "./tables";
import type { OperationContext } from "../definition";
import { isObject, type Values } from "../values";

/** A resource as it stands in a state; its secret inputs encrypted. */
export interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** What was made without the state knowing of it. */
export interface Leftover {
  readonly id: string;
  /** When Cloudflare says that it was made, where it does. */
  readonly madeAt?: string;
  remove(): Promise<void>;
}

/**
 * Looks whether a creation that was begun and never recorded has made its resource. What a PUT creates is never found:
 * the next one puts the same.
 *
 * @param resource what was being created
 * @param recorded all of the state: what is recorded is no leftover
 * @param environment CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN
 * @returns What was found; `absent` where there is nothing; undefined where such things cannot be listed or read.
 */
export async function findLeftover(
  resource: Recorded,
  recorded: readonly Recorded[],
  environment: Readonly<Record<string, string>>,
): Promise<Leftover | "absent" | undefined> {
  const { urn, type } = resource;
  const definition = provider.resources[type];
  const table = tables.find(({ name }) => type.startsWith("cloudflare:") && type.endsWith(`:${name}`));
  if (definition === undefined || table === undefined) return undefined;
  if (!table.create.startsWith("POST ")) return "absent";
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
  const candidates =
    key === undefined
      ? await listedIds(client, table, inputs)
      : ofType.some((one) => (one.inputs as Values | undefined)?.[key] === inputs[key])
        ? []
        : [inputs[key]];
  if (candidates === undefined) return undefined;
  for (const id of candidates) {
    if (typeof id !== "string" || (key === undefined && ofType.some((one) => one.id === id))) continue;
    const found = await definition.read({
      ...context,
      id,
      oldInputs: inputs,
      oldOutputs: inputs,
      isImport: false,
    });
    if (found === undefined) continue;
    const { differences } = definition.diff!(
      { ...context, id, oldInputs: inputs, oldOutputs: found.outputs, news: inputs },
      { differences: [] },
    );
    // Names, hosts, contents. What is nested may be answered in other words than it was asked for.
    if (differences.some(({ path }) => typeof inputs[path] === "string")) continue;
    const madeAt = ["createdOn", "createdAt", "creationDate"]
      .map((name) => found.outputs[name])
      .find((value) => typeof value === "string");
    return {
      id,
      ...(madeAt === undefined ? {} : { madeAt }),
      remove: () =>
        definition.delete!({
          ...context,
          id,
          oldInputs: inputs,
          oldOutputs: { ...found.outputs, ...inputs },
        }),
    };
  }
  return "absent";
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
  const found = await findLeftover(resource, recorded, environment);
  if (found === undefined || found === "absent") return undefined;
  await found.remove();
  return found.id;
}

/** The input that is the last part of its address; undefined where that is an id which Cloudflare gives. */
function keyOf({ read = "GET /" }: ResourceTable): string | undefined {
  const key = /\{(\w+)\}$/.exec(read)?.[1];
  return key === "id" || key === "queueId" ? undefined : key;
}

/** Ids of all there are; undefined where they cannot be listed. */
async function listedIds(
  client: Client,
  table: ResourceTable,
  inputs: Values,
): Promise<string[] | undefined> {
  const path = fillPath(table.create.slice("POST ".length), inputs, table.name);
  const items = await client.list({ method: "GET", path }).catch(() => undefined);
  return items?.flatMap((item) => (isObject(item) && typeof item["id"] === "string" ? [item["id"]] : []));
}
