import { listOf, nearest } from "./nearest";
import { configPath, isRecord, type Keys } from "./paths";
import type { EnvironmentValue } from "./schema/environment";
import type { StackValues } from "./schema/stack";

/** The part of a stack's settings that references are about; complete settings are one, too. */
export type ReferenceScope = Pick<StackValues, "sites" | "origins" | "buckets" | "tunnels" | "tokens"> & {
  readonly databases: Readonly<
    Record<string, Pick<StackValues["databases"][string], "roles" | "logicalReplication">>
  >;
};

/** What `{from: …}` can name in each part of a stack, and whether it is secret. */
export const OUTPUTS = {
  databases: {
    appUrl: "The application's connection string. Secret.",
    migratorUrl: "The migrating user's connection string. Secret.",
    readOnlyUrl: "The reporting user's connection string, with `roles.readOnly`. Secret.",
    backupUrl: "The dumping user's connection string, with `roles.backup`. Secret.",
    monitorUrl: "The monitoring user's connection string, with `roles.monitor`. Secret.",
    replicationUrl: "The replicating user's connection string, with `logicalReplication`. Secret.",
  },
  buckets: {
    name: "The bucket's name.",
    endpoint: "The S3 endpoint, with https://.",
    host: "The S3 endpoint's host name.",
    region: "The S3 region, `auto`.",
    publicUrl: "The address at which everybody reads, with `customDomain` or `public`.",
    accessKeyId:
      "The S3 access key id of the origin in whose environment it stands; that must be a consumer.",
    secretAccessKey: "The S3 secret of the origin in whose environment it stands. Secret.",
  },
  origins: { url: "https:// and the first host name.", hostname: "The first host name." },
  sites: { url: "https:// and the first host name.", hostname: "The first host name." },
  tunnels: { id: "The tunnel's id.", token: "What cloudflared runs with. Secret." },
  tokens: { id: "The token's id.", value: "The token. Secret." },
} as const satisfies Record<string, Record<string, string>>;

const CLOUDFLARE_OUTPUTS = ["accountId", "zoneId"] as const;

/** A value that a part makes, named by `{from: …}`. */
export interface OutputReference {
  readonly kind: "output";
  readonly part: keyof typeof OUTPUTS;
  readonly name: string;
  readonly output: string;
  /** For a bucket's `accessKeyId` and `secretAccessKey`: whose. */
  readonly consumer?: string;
}

/** What a `{from: …}` means. */
export type Reference =
  | OutputReference
  /** Settings that are known as text: `domain`, `cloudflare.accountId`, `cloudflare.zoneId`. */
  | { readonly kind: "setting"; readonly setting: "domain" | "cloudflare.accountId" | "cloudflare.zoneId" }
  /** Another variable: `origins.api.environment.SECRET_KEY_BASE`. */
  | { readonly kind: "variable"; readonly keys: Keys };

/** A reference, or why the text is none. */
export type ReferenceResult =
  | { readonly reference: Reference }
  | { readonly problem: string; readonly allowed: string; readonly fix?: string; readonly needs?: Keys };

/** A variable of the stack: where it stands, whose it is, its value. */
export interface Variable {
  readonly keys: Keys;
  /** The origin's name; undefined for a site's variables. */
  readonly origin: string | undefined;
  readonly name: string;
  readonly value: EnvironmentValue;
}

/** All environment variables of a stack, in the order of the file. */
export function variablesOf(values: ReferenceScope): Variable[] {
  const found: Variable[] = [];
  const add = (origin: string | undefined, environment: unknown, keys: Keys): void => {
    if (!isRecord(environment)) return;
    for (const [name, value] of Object.entries(environment)) {
      found.push({ keys: [...keys, name], origin, name, value: value as EnvironmentValue });
    }
  };
  for (const [name, site] of Object.entries(values.sites)) {
    add(undefined, site.environment.production, ["sites", name, "environment", "production"]);
    add(undefined, site.environment.preview, ["sites", name, "environment", "preview"]);
  }
  for (const [name, origin] of Object.entries(values.origins)) {
    add(name, origin.environment, ["origins", name, "environment"]);
    if (origin.kind === "external") continue;
    add(name, origin.migrations?.environment, ["origins", name, "migrations", "environment"]);
    for (const [service, args] of Object.entries(origin.services)) {
      const at = ["origins", name, "services", service];
      add(name, args.environment, [...at, "environment"]);
      add(name, args.build?.arguments, [...at, "build", "arguments"]);
      add(name, args.build?.secrets, [...at, "build", "secrets"]);
    }
  }
  return found;
}

/** What a generated value is called by, in the state. It names a secret that is in use: it never changes. */
export function generatedName(keys: Keys): string {
  return keys
    .filter((key) => key !== "environment" && key !== "origins" && key !== "sites")
    .join("-")
    .toLowerCase()
    .replaceAll("_", "-");
}

/**
 * Reads what stands after `from:` in a variable of the origin `owner` (undefined: of a site).
 *
 * @example resolveReference(values, "databases.main.appUrl", "api")
 */
export function resolveReference(
  values: ReferenceScope,
  from: string,
  owner: string | undefined,
): ReferenceResult {
  const variable = variablesOf(values).find(
    ({ keys }) => configPath(keys) === from || keys.join(".") === from,
  );
  if (variable !== undefined) return { reference: { kind: "variable", keys: variable.keys } };
  const words = from.split(".");
  const [part = "", name = "", output = ""] = words;
  if (from === "domain") return { reference: { kind: "setting", setting: "domain" } };
  if (part === "cloudflare") {
    if (words.length === 2 && (name === "accountId" || name === "zoneId")) {
      return { reference: { kind: "setting", setting: `cloudflare.${name}` } };
    }
    return wrong(`cloudflare has no output ${name}`, "cloudflare", CLOUDFLARE_OUTPUTS, name);
  }
  const parts = Object.keys(OUTPUTS);
  if (!isPart(part)) {
    return wrong(
      `there is no part ${part} to take a value from`,
      undefined,
      [...parts, "cloudflare", "domain"],
      part,
      words,
    );
  }
  const entries = Object.keys(values[part]);
  if (!entries.includes(name)) {
    const result = wrong(
      `groundwork:${part} has no entry ${name === "" ? "of that name" : name}`,
      part,
      entries,
      name,
      words,
    );
    return { ...result, needs: [part, name] };
  }
  if (part === "origins" && output === "environment") {
    return wrong(
      `there is no such variable in ${part}.${name}`,
      undefined,
      environmentPaths(values, part, name),
      from,
    );
  }
  const outputs = Object.keys(OUTPUTS[part]);
  if (part === "buckets" && output === "consumers") return consumerReference(values, name, words);
  if (words.length !== 3 || !outputs.includes(output)) {
    return wrong(
      `${part}.${name} has no output ${words.slice(2).join(".")}`,
      `${part}.${name}`,
      outputs,
      output,
      undefined,
    );
  }
  return withConditions(values, { kind: "output", part, name, output }, owner);
}

function consumerReference(values: ReferenceScope, name: string, words: readonly string[]): ReferenceResult {
  const [, , , consumer = "", output = ""] = words;
  const consumers = Object.keys(values.buckets[name]?.consumers ?? {});
  const allowed = `buckets.${name}.consumers.<${consumers.join("|")}>.accessKeyId or .secretAccessKey`;
  if (words.length !== 5 || !["accessKeyId", "secretAccessKey"].includes(output)) {
    return { problem: `buckets.${name}.consumers has no output of that name`, allowed };
  }
  if (!consumers.includes(consumer)) {
    return {
      problem: `${consumer} is not a consumer of buckets.${name}`,
      allowed,
      needs: ["buckets", name, "consumers"],
    };
  }
  return { reference: { kind: "output", part: "buckets", name, output, consumer } };
}

/** Outputs that are there only with some setting. */
function withConditions(
  values: ReferenceScope,
  reference: OutputReference,
  owner: string | undefined,
): ReferenceResult {
  const { part, name, output } = reference;
  const lacks = (setting: string, keys: Keys): ReferenceResult => ({
    problem: `${part}.${name}.${output} is there only with ${setting}`,
    allowed: `${setting} in groundwork:${part}.${name}, or another output`,
    fix: `add ${setting} to groundwork:${part}.${name}`,
    needs: keys,
  });
  if (part === "databases") {
    const database = values.databases[name];
    const roles = database?.roles;
    if (output === "readOnlyUrl" && roles?.readOnly === undefined)
      return lacks("roles.readOnly", [part, name, "roles", "readOnly"]);
    if (output === "backupUrl" && roles?.backup === undefined)
      return lacks("roles.backup", [part, name, "roles", "backup"]);
    if (output === "monitorUrl" && roles?.monitor === undefined)
      return lacks("roles.monitor", [part, name, "roles", "monitor"]);
    if (output === "replicationUrl" && database?.logicalReplication === false) {
      return lacks("logicalReplication", [part, name, "logicalReplication"]);
    }
  }
  if (part === "buckets") {
    const bucket = values.buckets[name];
    if (output === "publicUrl" && bucket?.customDomain === undefined && bucket?.public !== true) {
      return lacks("customDomain", [part, name, "customDomain"]);
    }
    if (output === "accessKeyId" || output === "secretAccessKey") {
      if (owner === undefined) {
        return {
          problem: "a site has no S3 credentials: what its build uses becomes public",
          allowed: `buckets.${name}.consumers.<consumer>.${output}`,
        };
      }
      if (!Object.hasOwn(bucket?.consumers ?? {}, owner)) {
        return {
          problem: `${owner} is not a consumer of buckets.${name}, so it has no key to it`,
          allowed: listOf(Object.keys(bucket?.consumers ?? {})) || "an entry in consumers",
          fix: `add \`${owner}: read\` or \`${owner}: write\` to groundwork:buckets.${name}.consumers`,
          needs: [part, name, "consumers"],
        };
      }
      return { reference: { ...reference, consumer: owner } };
    }
  }
  if ((part === "sites" || part === "origins") && hostnamesOf(values, part, name).length === 0) {
    return lacks("hostnames", [part, name, "hostnames"]);
  }
  return { reference };
}

/** The host names of a site or an origin; of a tunnel's origin those of the tunnel. */
export function hostnamesOf(
  values: ReferenceScope,
  part: "sites" | "origins",
  name: string,
): readonly string[] {
  if (part === "sites") return values.sites[name]?.hostnames ?? [];
  const origin = values.origins[name];
  if (origin === undefined) return [];
  return origin.kind === "tunnel"
    ? Object.keys(values.tunnels[origin.tunnel]?.ingress ?? {})
    : origin.hostnames;
}

/** Is the value of the reference a secret? Follows variables that name variables. */
export function isSecretReference(
  values: ReferenceScope,
  from: string,
  owner: string | undefined,
  seen: readonly string[] = [],
): boolean {
  const result = resolveReference(values, from, owner);
  if (!("reference" in result)) return false;
  const { reference } = result;
  if (reference.kind === "setting") return false;
  if (reference.kind === "output") {
    const outputs: Readonly<Record<string, string>> = OUTPUTS[reference.part];
    if (reference.consumer !== undefined) return reference.output === "secretAccessKey";
    return (outputs[reference.output] ?? "").endsWith("Secret.");
  }
  const path = configPath(reference.keys);
  const target = variablesOf(values).find(({ keys }) => configPath(keys) === path);
  if (target === undefined || typeof target.value === "string" || seen.includes(path)) return false;
  return (
    !("from" in target.value) || isSecretReference(values, target.value.from, target.origin, [...seen, path])
  );
}

function environmentPaths(values: ReferenceScope, part: string, name: string): string[] {
  return variablesOf(values)
    .filter(({ keys }) => keys[0] === part && keys[1] === name)
    .map(({ keys }) => keys.join("."));
}

function isPart(word: string): word is keyof typeof OUTPUTS {
  return Object.hasOwn(OUTPUTS, word);
}

function wrong(
  problem: string,
  prefix: string | undefined,
  candidates: readonly string[],
  word: string,
  words?: readonly string[],
): { readonly problem: string; readonly allowed: string; readonly fix?: string } {
  const better = nearest(word, candidates);
  const rest =
    words === undefined
      ? ""
      : words
          .slice(prefix === undefined ? 1 : 2)
          .map((part) => `.${part}`)
          .join("");
  const full = (candidate: string): string => `${prefix === undefined ? "" : `${prefix}.`}${candidate}`;
  return {
    problem,
    allowed: candidates.length === 0 ? "nothing: there is no entry" : listOf(candidates.map(full)),
    ...(better === undefined ? {} : { fix: `write from: ${full(better)}${rest}` }),
  };
}
