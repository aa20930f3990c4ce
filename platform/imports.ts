/** The import list of a stack: what was made by hand and is taken over as it is, instead of being made anew. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { UserError } from "../common/user-error";
import { stackNameOf } from "./settings/tier";

const entry = z.strictObject({
  type: z.string().min(1),
  name: z.string().min(1),
  id: z.string().min(1),
  keep: z.array(z.string().min(1)).default([]),
});

const list = z.strictObject({
  accountId: z.string(),
  apiUrl: z.string().optional(),
  resources: z.array(entry),
  leave: z.array(z.string()).default([]),
});

/** One thing that exists already. */
export type ImportedResource = z.output<typeof entry>;

/**
 * What a stack takes over. `resources`: the resource of that type and name is the thing with that id (in the form that
 * the provider imports by); properties in `keep` stay as they are there, whatever the settings say. `leave`: parts that
 * the stack does not manage, by path: `access.checks`, `buckets.<name>.public`, `tunnels.<name>.secret`.
 */
export type ImportList = z.output<typeof list>;

/** An account and the address of its API: a list is for these only, never for a sandbox's. */
export interface ImportPlace {
  readonly accountId: string;
  readonly apiUrl?: string | undefined;
}

/** Where a stack's import list stands: `Pulumi.<stack>.imports.json` beside its stack file. */
export function importListFile(directory: string, stack: string): string {
  return join(directory, `Pulumi.${stackNameOf(stack)}.imports.json`);
}

/**
 * Reads a stack's import list; an empty one where there is none, or where it is for another account or API.
 *
 * @throws UserError where the file is damaged
 */
export function readImportList(directory: string, stack: string, place: ImportPlace): ImportList {
  const none: ImportList = { accountId: place.accountId, resources: [], leave: [] };
  const file = importListFile(directory, stack);
  if (!existsSync(file)) return none;
  const parsed = parseImportList(readFileSync(file, "utf8"));
  if (typeof parsed === "string") {
    throw new UserError({
      what: "the import list cannot be read",
      value: `${file}: ${parsed}`,
      allowed: "what groundwork adopt writes: accountId, resources of type, name, id and keep, leave",
      next: `mend it, or write it anew: npx groundwork adopt -s ${stackNameOf(stack)} --force`,
    });
  }
  return parsed.accountId === place.accountId && parsed.apiUrl === place.apiUrl ? parsed : none;
}

function parseImportList(text: string): ImportList | string {
  try {
    const { data, error } = list.safeParse(JSON.parse(text));
    if (data !== undefined) return data;
    return error.issues.map(({ path, message }) => `${path.join(".") || "the file"}: ${message}`).join("; ");
  } catch {
    return "it is not JSON";
  }
}

/** The list as it stands in its file: a line for each thing, so that a change of one is a line in a review. */
export function importListText({ accountId, apiUrl, resources, leave }: ImportList): string {
  const lines = resources.map(
    ({ keep, ...rest }) => `    ${JSON.stringify({ ...rest, ...(keep.length === 0 ? {} : { keep }) })}`,
  );
  const head = [
    `  "accountId": ${JSON.stringify(accountId)},`,
    ...(apiUrl === undefined ? [] : [`  "apiUrl": ${JSON.stringify(apiUrl)},`]),
  ];
  const body = lines.length === 0 ? `  "resources": [],` : `  "resources": [\n${lines.join(",\n")}\n  ],`;
  return `{\n${head.join("\n")}\n${body}\n  "leave": ${JSON.stringify(leave)}\n}\n`;
}

/**
 * Makes the engine take over what the list names. An id that the state knows already changes nothing, so the list may
 * stay; what it keeps is kept as long as it stands there, also by a resource that had the name in the list before. Such a
 * one is in the state: the id of an earlier name could be that of another thing by now.
 */
export function importing({ resources }: Pick<ImportList, "resources">): pulumi.ResourceTransformation {
  const known = new Map(resources.map((each) => [`${each.type} ${each.name}`, each]));
  return ({ type, name, props, opts }) => {
    const custom = opts as pulumi.CustomResourceOptions;
    const before = earlierNames(custom).flatMap((each) => known.get(`${type} ${each}`) ?? [])[0];
    const found = before ?? known.get(`${type} ${name}`);
    if (found === undefined) return undefined;
    const ignoreChanges = [...(custom.ignoreChanges ?? []), ...found.keep];
    return {
      props: props,
      opts: {
        ...custom,
        ...(before === undefined ? { import: found.id } : {}),
        ...(ignoreChanges.length === 0 ? {} : { ignoreChanges }),
      },
    };
  };
}

function earlierNames({ aliases = [] }: pulumi.CustomResourceOptions): string[] {
  return aliases.flatMap((alias) =>
    typeof alias === "object" && "name" in alias && typeof alias.name === "string" ? alias.name : [],
  );
}
