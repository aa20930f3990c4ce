import type { z } from "zod";
import { OUTPUTS } from "./references";
import type { FieldInfo } from "./schema/field";
import { stackSchema } from "./schema/stack";
import { definitionOf, discriminatorValues, unwrap } from "./walk-schema";

type Schema = z.core.$ZodType;

/** The text of docs/settings.md, made from the schema. */
export function settingsPage(): string {
  const lines = [
    "# Settings: what stands in a stack file",
    "",
    "Made from platform/settings/schema by `npm run docs`; not edited by hand.",
    "",
    ...INTRODUCTION,
  ];
  const { shape = {} } = definitionOf(stackSchema);
  lines.push("## All settings", "", "| setting | what | default |", "|---|---|---|");
  for (const [key, schema] of Object.entries(shape)) {
    const { info } = unwrap(schema);
    const link = hasSection(schema)
      ? `[\`groundwork:${key}\`](#groundwork${key.toLowerCase()})`
      : `\`groundwork:${key}\``;
    lines.push(row([link, describe(info), defaultOf(schema)]));
  }
  lines.push(row(["`groundwork:secrets`", "Secrets by name, encrypted; see above.", "none"]), "");
  for (const [key, schema] of Object.entries(shape)) section(lines, `groundwork:${key}`, schema, 2);
  lines.push(...references());
  return `${lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

const INTRODUCTION = [
  "A stack file is `Pulumi.<stack>.yaml` beside Pulumi.yaml. Everything of an environment stands in it, below `config:`,",
  "under names that start with `groundwork:`. All mistakes of a file are told at once, each with its line, what is allowed",
  "and what mends it; nothing is changed anywhere before a file is right.",
  "",
  "```yaml",
  "# yaml-language-server: $schema=schemas/stack.schema.json",
  "config:",
  "  groundwork:domain: streampai.com",
  "  groundwork:cloudflare:",
  '    accountId: "000000000000000000000000000000a1"',
  "  groundwork:sites:",
  "    web:",
  "      project: streampai",
  "      hostnames: [streampai.com]",
  "```",
  "",
  "The first line lets editors (with a YAML language server) complete and check while you type.",
  "",
  "Complete files: Pulumi.dev.yaml, Pulumi.staging.yaml and Pulumi.prod.yaml (containers on a host),",
  "examples/plyr (a platform elsewhere), examples/pika (a tunnel), examples/srq-hpn (a host with its own certificate).",
  "",
  "## Secrets",
  "",
  "Secrets stand in `groundwork:secrets` and nowhere else, encrypted. Other settings name them.",
  "",
  "```sh",
  "pulumi config set --secret --path 'groundwork:secrets.GHCR_TOKEN' -s staging                        # asks for the value",
  "pulumi config set --secret --path 'groundwork:secrets.SSH_PRIVATE_KEY' -s staging < ~/.ssh/id_ed25519",
  "```",
  "",
  "In an environment a secret is `{secret: GHCR_TOKEN}`. `{generate: 64}` makes one that nobody needs to know: 64 letters",
  "and digits, made once. A secret that is named and missing is a mistake, with the command that sets it; the sandbox runs",
  "without any, on secrets of its own.",
  "",
];

/** Parts of a map, a list or a union that need a table of their own. */
function hasSection(schema: Schema): boolean {
  return objectsOf(schema).length > 0;
}

interface Part {
  /** What is added to the path: `.<name>`, `[]`, or nothing. */
  readonly suffix: string;
  readonly schema: Schema;
  /** `kind: compose`, where there are several. */
  readonly kind: string | undefined;
}

/** The maps with fixed keys inside a schema. */
function objectsOf(schema: Schema, suffix = "", kind?: string): Part[] {
  const { schema: inner } = unwrap(schema);
  const { type, valueType, element, options, discriminator } = definitionOf(inner);
  switch (type) {
    case "object":
      return [{ suffix, schema: inner, kind }];
    case "record":
      return valueType === undefined ? [] : objectsOf(valueType, `${suffix}.<name>`, kind);
    case "array":
      return element === undefined ? [] : objectsOf(element, `${suffix}[]`, kind);
    case "union":
      return (options ?? []).flatMap((option) => {
        const values = discriminator === undefined ? [] : discriminatorValues(option, discriminator);
        return objectsOf(
          option,
          suffix,
          values.length > 0 ? `${discriminator ?? ""}: ${values.map(String).join(", ")}` : kind,
        );
      });
    default:
      return [];
  }
}

const SHARED = new Set(["environment", "arguments", "secrets", "production", "preview"]);

function section(lines: string[], path: string, schema: Schema, level: number): void {
  const parts = objectsOf(schema);
  if (parts.length === 0) return;
  const { info } = unwrap(schema);
  parts.forEach((part, index) => {
    const { shape = {} } = definitionOf(part.schema);
    const title = `${path}${part.suffix}`;
    const heading = index === 0 && level === 2 ? [`${"#".repeat(2)} ${path}`, "", describe(info), ""] : [];
    const name = part.kind === undefined ? `\`${title}\`` : `\`${title}\`, ${part.kind}`;
    lines.push(...heading, `### ${name}`, "", "| key | what | allowed | default |", "|---|---|---|---|");
    const nested: [string, Schema][] = [];
    for (const [key, inner] of Object.entries(shape)) {
      const { info: about, schema: bare } = unwrap(inner);
      lines.push(row([`\`${key}\``, describe(about), allowedOf(bare, about), defaultOf(inner)]));
      if (hasSection(inner) && !(SHARED.has(key) && isEnvironment(bare))) nested.push([key, inner]);
    }
    lines.push("");
    const repeated = index > 0 ? sharedKeys(parts.slice(0, index), shape) : new Set<string>();
    for (const [key, inner] of nested) {
      if (!repeated.has(key)) section(lines, `${title}.${key}`, inner, level + 1);
    }
  });
}

/** Keys whose tables an earlier kind has shown already. */
function sharedKeys(earlier: readonly Part[], shape: Readonly<Record<string, Schema>>): Set<string> {
  return new Set(
    Object.keys(shape).filter((key) =>
      earlier.some(({ schema }) => definitionOf(schema).shape?.[key] === shape[key]),
    ),
  );
}

function isEnvironment(schema: Schema): boolean {
  return definitionOf(schema).type === "record";
}

function describe(info: FieldInfo | undefined): string {
  if (info === undefined) return "";
  const unit = info.unit === undefined ? "" : ` Unit: ${info.unit}.`;
  const later = info.later === true ? " *Checked, but nothing acts on it yet.*" : "";
  const [example] = info.examples ?? [];
  const shown =
    example === undefined
      ? ""
      : ` Such as \`${typeof example === "string" ? example : JSON.stringify(example)}\`.`;
  return `${info.description}${unit}${later}${shown}`;
}

function allowedOf(schema: Schema, info: FieldInfo | undefined): string {
  if (info?.allowed !== undefined) return info.allowed;
  const { type, entries, values, options } = definitionOf(schema);
  if (type === "enum")
    return Object.values(entries ?? {})
      .map((value) => `\`${value}\``)
      .join(", ");
  if (type === "literal") return (values ?? []).map((value) => `\`${String(value)}\``).join(", ");
  if (type === "union")
    return [
      ...new Set((options ?? []).map((option) => allowedOf(unwrap(option).schema, unwrap(option).info))),
    ].join(", or ");
  const words: Readonly<Record<string, string>> = {
    array: "a list",
    boolean: "`true`, `false`",
    int: "a whole number",
    number: "a number",
    object: "a map, see below",
    record: "a map of names",
    string: "text",
  };
  return words[type] ?? "";
}

function defaultOf(schema: Schema): string {
  let current: Schema | undefined = schema;
  while (current !== undefined) {
    const definition: ReturnType<typeof definitionOf> = definitionOf(current);
    if (definition.type === "default") return `\`${JSON.stringify(definition.defaultValue)}\``;
    if (definition.type === "prefault") return "see below";
    if (definition.type === "optional") return "none";
    current = definition.innerType;
  }
  return "**required**";
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

function references(): string[] {
  const lines = [
    "## What `from` can name",
    "",
    "| `from:` | what |",
    "|---|---|",
    row(["`domain`", "`groundwork:domain`."]),
    row(["`cloudflare.accountId`, `cloudflare.zoneId`", "The account and the zone."]),
  ];
  for (const [part, outputs] of Object.entries(OUTPUTS)) {
    for (const [output, what] of Object.entries(outputs))
      lines.push(row([`\`${part}.<name>.${output}\``, what]));
  }
  lines.push(
    row([
      "`buckets.<name>.consumers.<consumer>.accessKeyId`, `.secretAccessKey`",
      "The S3 credentials of a consumer by name, for sites and for consumers that are no origins.",
    ]),
    row([
      "`origins.<name>.environment.<VARIABLE>`",
      "Another variable of the stack; also of a service, a site or migrations.",
    ]),
    "",
  );
  return lines;
}
