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

/**
 * Looks whether a creation that was begun and never recorded has made its resource, and removes that. What a PUT
 * creates needs no removal: the next one puts the same.
 *
 * @param resource what was being created
 * @param recorded all of the state: what is recorded is never removed
 * @param environment CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN
 * @returns The id of what was removed; undefined where there was nothing.
 */
export async function removeLeftover(
  resource: Recorded,
  recorded: readonly Recorded[],
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const { urn, type } = resource;
  const definition = provider.resources[type];
  const table = tables.find(({ name }) => type.startsWith("cloudflare:") && type.endsWith(`:${name}`));
  if (definition?.read === undefined || definition.delete === undefined || table?.read === undefined)
    return undefined;
  if (!table.create.startsWith("POST ")) return undefined;

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
    await definition.delete({
      ...context,
      id,
      oldInputs: inputs,
      oldOutputs: { ...found.outputs, ...inputs },
    });
    return id;
  }
  return undefined;
}

/** The input that is the last part of its address; undefined where that is an id which Cloudflare gives. */
function keyOf({ read = "GET /" }: ResourceTable): string | undefined {
  const key = /\{(\w+)\}$/.exec(read)?.[1];
  return key === "id" || key === "queueId" ? undefined : key;
}

/** Ids of all there are; none where they cannot be listed. */
async function listedIds(client: Client, table: ResourceTable, inputs: Values): Promise<string[]> {
  const path = fillPath(table.create.slice("POST ".length), inputs, table.name);
  const items = await client.list({ method: "GET", path }).catch(() => []);
  return items.flatMap((item) => (isObject(item) && typeof item["id"] === "string" ? [item["id"]] : []));
}
