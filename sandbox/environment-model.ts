import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { stackType } from "../common/engine-values";
import { openProject } from "../automation/project";
import type { SandboxFolder } from "./folder";
import { modelFromDeployment } from "./page/deployment";
import type { EnvironmentAddress, EnvironmentModel, LastUpdate } from "./page/model";
import type { SandboxRecord } from "./record";
import { type Visit, typedAddress, visit } from "./visit";

/** A stack as Pulumi's file backend keeps it, as far as it is read here. */
interface Checkpoint {
  readonly checkpoint?: {
    readonly latest?: {
      readonly resources?: readonly { readonly type: string; readonly outputs?: Record<string, unknown> }[];
      readonly pending_operations?: readonly { readonly resource: { readonly urn: string } }[];
    };
  };
}

/** One line of a stack's history in the file backend. */
interface HistoryEntry {
  readonly kind: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly result: string;
  readonly resourceChanges?: Readonly<Record<string, number>>;
}

/** What the page draws: the stack as it stands in the sandbox's own state, read anew at each call. */
export async function environmentModel(folder: SandboxFolder, stack: string): Promise<EnvironmentModel> {
  const record = await readJson<SandboxRecord>(folder.recordFile);
  const file = join(folder.state, ".pulumi", "stacks", openProject().name, `${stack}.json`);
  const latest = (await readJson<Checkpoint>(file))?.checkpoint?.latest;
  const resources = latest?.resources ?? [];
  const outputs = resources.find(({ type }) => type === stackType)?.outputs ?? {};
  const lastUpdate = await lastUpdateOf(folder, stack);
  return modelFromDeployment({
    stack,
    resources,
    pending: (latest?.pending_operations ?? []).map(({ resource }) => resource.urn),
    outputs,
    ...(record === undefined
      ? {}
      : { addresses: await askAddresses(addressesHere(outputs, record), record) }),
    ...(lastUpdate === undefined ? {} : { lastUpdate }),
    notes:
      record?.host.mode === "process" ? ["There is no Docker here: services run as plain processes."] : [],
  });
}

/** The stack's addresses as they can be opened on this machine. */
function addressesHere(outputs: Record<string, unknown>, record: SandboxRecord): EnvironmentAddress[] {
  const addresses = outputs.addresses;
  if (typeof addresses !== "object" || addresses === null) return [];
  return Object.entries(addresses).flatMap(([label, urls]) =>
    (Array.isArray(urls) ? urls : []).map((publicUrl: string): EnvironmentAddress => {
      const url = typedAddress(publicUrl, record);
      return { label, url, state: "unknown", ...(url === publicUrl ? {} : { publicUrl }) };
    }),
  );
}

const lastAsked = new Map<string, { readonly at: number; readonly visit: Promise<Visit> }>();

/** Asks each address as a visitor would, at most every 5 s however often the page is drawn. */
async function askAddresses(
  addresses: readonly EnvironmentAddress[],
  record: SandboxRecord,
): Promise<EnvironmentAddress[]> {
  return Promise.all(
    addresses.map(async (address): Promise<EnvironmentAddress> => {
      const url = address.publicUrl ?? address.url;
      let asked = lastAsked.get(url);
      if (asked === undefined || Date.now() - asked.at > 5_000) {
        asked = { at: Date.now(), visit: visit(url, record) };
        lastAsked.set(url, asked);
      }
      const { status, milliseconds, problem, login } = await asked.visit;
      if (status === undefined) return { ...address, state: "failed", detail: problem ?? "no answer" };
      const detail = `${login === true ? "asks for a login, " : ""}${status} in ${milliseconds} ms`;
      return { ...address, state: status < 500 ? "ok" : "failed", detail };
    }),
  );
}

async function lastUpdateOf(folder: SandboxFolder, stack: string): Promise<LastUpdate | undefined> {
  const history = join(folder.state, ".pulumi", "history", openProject().name, stack);
  const files = await readdir(history).catch((): string[] => []);
  const newest = files
    .filter((name) => name.endsWith(".history.json"))
    .sort()
    .at(-1);
  if (newest === undefined) return undefined;
  const entry = await readJson<HistoryEntry>(join(history, newest));
  if (entry === undefined) return undefined;
  return {
    kind: entry.kind,
    result: entry.result === "succeeded" ? "succeeded" : "failed",
    startedAt: new Date(entry.startTime * 1000).toISOString(),
    endedAt: new Date(entry.endTime * 1000).toISOString(),
    changes: entry.resourceChanges ?? {},
  };
}

/** Undefined for a file that is not there, or is just being written. */
async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}
