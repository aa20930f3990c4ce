/** What a killed run has made at Cloudflare without the state knowing of it. */
import type { Value, Values } from "../values";
import { fillPath } from "./paths";
import {
  type Candidate,
  listed,
  listPathOf,
  type Place,
  type Recorded,
  type Sought,
  soughtOf,
} from "./sought";
import { textOf } from "./state";

export type { Place, Recorded } from "./sought";

/** What was made without the state knowing of it. */
export interface Leftover {
  readonly id: string;
  /** When it was made, at the earliest, by this machine's clock, ISO 8601, where Cloudflare tells that. */
  readonly madeAt?: string;
  /** It has the key of what was sought, which is in nobody else's hands. @default false */
  readonly hasOwnKey?: boolean;
  /** Why it cannot be taken in, a clause. @default it can */
  readonly unfit?: string;
  remove(): Promise<void>;
}

/**
 * Looks for what a creation that was begun and never recorded may have made: what is there, is in no state, and equals it; and
 * what has its own key, also where it differs else. What a PUT creates is never found: the next one puts the same.
 *
 * @param resource what was being created
 * @param recorded all of the state: what is recorded is no leftover
 * @returns undefined where such things cannot be listed or read
 */
export async function findLeftovers(
  resource: Recorded,
  recorded: readonly Recorded[],
  place: Place,
): Promise<readonly Leftover[] | undefined> {
  const sought = soughtOf(resource, place);
  if (sought === undefined) return undefined;
  if (sought === "put") return [];
  const ofType = recorded.filter(({ type }) => type === resource.type);
  const candidates = await candidatesOf(sought, ofType, place);
  if (candidates === undefined) return undefined;
  const leftovers: Leftover[] = [];
  for (const candidate of candidates) {
    const leftover = await leftoverOf(sought, candidate);
    if (leftover !== undefined) leftovers.push(leftover);
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
  place: Place,
): Promise<string | undefined> {
  const [found] = (await findLeftovers(resource, recorded, place)) ?? [];
  await found?.remove();
  return found?.id;
}

/**
 * What is there before something is made: the ids of all of its kind, or of what is at its address.
 *
 * @param lists what was listed already, by its path; another one of the kind is answered from there
 * @returns undefined where that cannot be told
 */
export async function findPresent(
  resource: Recorded,
  place: Place,
  lists: Map<string, Promise<readonly string[] | undefined>>,
): Promise<readonly string[] | undefined> {
  const sought = soughtOf(resource, place);
  if (sought === undefined || sought === "put") return undefined;
  const { context, definition, inputs, key } = sought;
  if (key !== undefined) {
    const id = textOf(inputs[key]);
    const found = await definition.read({
      ...context,
      ...{ id, oldInputs: inputs, oldOutputs: inputs, isImport: false },
    });
    return found === undefined ? [] : [found.id ?? id];
  }
  const path = await listPathOf(sought, place);
  if (path === undefined) return undefined;
  const ids = lists.get(path) ?? listed(sought.client, path).then((all) => all?.map(({ id }) => textOf(id)));
  lists.set(path, ids);
  return ids;
}

/** What may be it and is not recorded. */
async function candidatesOf(
  sought: Sought,
  ofType: readonly Recorded[],
  place: Place,
): Promise<readonly Candidate[] | undefined> {
  const { key, inputs, client } = sought;
  if (key !== undefined) {
    const isRecorded = ofType.some((one) => (one.inputs as Values | undefined)?.[key] === inputs[key]);
    return isRecorded ? [] : [{ id: inputs[key], listed: {} }];
  }
  const path = await listPathOf(sought, place);
  const found = path === undefined ? undefined : await listed(client, path);
  return found?.filter(
    ({ id, listed: told }) => !ofType.some((one) => one.id === id) && !isOther(sought, told),
  );
}

/** Whether the list tells already that it is another one, which needs not be read then. */
function isOther({ table, inputs }: Sought, told: Values): boolean {
  if (table.ofOwnKey !== undefined) return table.ofOwnKey(inputs, told) === undefined;
  // Where a name can be written in several ways, what was read is compared.
  if (table.rules?.["name"]?.same !== undefined) return false;
  const [wanted, name] = [inputs["name"], told["name"]];
  return isText(wanted) && isText(name) && wanted !== name;
}

async function leftoverOf(
  sought: Sought,
  { id: candidate, listed: told }: Candidate,
): Promise<Leftover | undefined> {
  const { client, context, definition, inputs, table } = sought;
  if (typeof candidate !== "string") return undefined;
  const found = await definition.read({
    ...context,
    ...{ id: candidate, oldInputs: inputs, oldOutputs: inputs, isImport: false },
  });
  if (found === undefined) return undefined;
  const { id = candidate, outputs } = found;
  const key = table.ofOwnKey?.(inputs, told);
  const { differences } = definition.diff(
    { ...context, id, oldInputs: inputs, oldOutputs: outputs, news: inputs },
    { differences: [] },
  );
  // Names, hosts, contents. What is nested may be answered in other words than it was asked for.
  const isEqual = !differences.some(({ path }) => typeof inputs[path] === "string");
  if (!isEqual && key === undefined) return undefined;
  const madeAt = Date.parse(textOf(await timeOf(sought, { ...told, ...outputs })));
  const unfit = !isEqual || key === "other" ? notAsked : secretLost(definition.secretOutputs);
  return {
    id,
    ...(Number.isNaN(madeAt) ? {} : { madeAt: new Date(madeAt - client.ahead).toISOString() }),
    ...(key === undefined ? {} : { hasOwnKey: true }),
    ...(unfit === undefined ? {} : { unfit }),
    remove: () =>
      definition.delete({
        ...context,
        signal: AbortSignal.timeout(60_000),
        id,
        oldInputs: inputs,
        oldOutputs: { ...outputs, ...inputs },
      }),
  };
}

const notAsked = "it is not what is asked for now";

/** Cloudflare tells some in the answer to a creation alone. */
const secretLost = (secrets: readonly string[] = []): string | undefined =>
  secrets.length === 0 ? undefined : "its secret was told to nobody";

/** Answers tell it also where a resource has no such property. */
const timeNames = [
  ...["createdOn", "createdAt", "creationDate", "issuedOn", "uploadedOn", "created"],
  ...["created_on", "created_at", "issued_on", "uploaded_on"],
];

/** When something was made, by Cloudflare's clock. */
async function timeOf({ client, table, inputs }: Sought, known: Values): Promise<Value> {
  if (table.madeAt === undefined) return timeNames.map((name) => known[name]).find(isText);
  return table.madeAt(known, async (call) => {
    const path = fillPath(call.slice("GET ".length), inputs, table.name);
    return (await client.call({ method: "GET", path, headers: table.headers?.(inputs) })).result;
  });
}

const isText = (value: Value): value is string => typeof value === "string";
