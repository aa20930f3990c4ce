import { relative } from "node:path";
import Table from "cli-table3";
import colours from "picocolors";
import type { Settings } from "../platform/settings";
import type { ReadySandbox } from "../sandbox/bring-up";
import { type Visit, typedAddress } from "../sandbox/visit";
import type { Answer } from "./json/answer";
import { chosen, workingFolder } from "./open";

/** Commands named under "what next", as the user would type them after the command at hand. */
export interface NextCommands {
  readonly remove: string;
  /** Left out where the command at hand has no such option. */
  readonly open?: string;
}

/** What is told of an environment that was brought up on this machine. */
type SandboxAnswer = Answer<"sandbox">;

/** What came of bringing it up. */
interface BroughtUp {
  readonly changed: boolean;
  readonly visits: readonly Visit[];
  readonly commands: NextCommands;
}

export function sandboxAnswer(
  { record, stack }: Pick<ReadySandbox, "record" | "stack">,
  settings: Pick<Settings, "databases">,
  { changed, commands, visits }: BroughtUp,
): SandboxAnswer {
  return {
    stack,
    changed,
    addresses: visits.map(({ milliseconds, problem, status, url }) => ({
      url,
      typed: typedAddress(url, record),
      status,
      milliseconds,
      problem,
    })),
    databases: Object.values(settings.databases).map(({ database, roles: { migrator, app } }) => ({
      database,
      migrator,
      app,
    })),
    drawing: record.page.url,
    next: nextSteps(record, stack, visits, commands),
  };
}

/** The same for people. */
export function sandboxLines({ addresses, databases, next }: SandboxAnswer): string[] {
  const answers = new Table({ head: ["address", "answers", "took"], style: { head: [], border: [] } });
  for (const { typed, problem, status, milliseconds } of addresses) {
    answers.push([typed, problem ?? String(status), `${milliseconds} ms`]);
  }
  const roles = new Table({ head: ["database", "role", "may"], style: { head: [], border: [] } });
  for (const { database, migrator, app } of databases) {
    roles.push([database, migrator, "own the schema, run migrations"]);
    roles.push([database, app, "select, insert, update, delete; nothing else"]);
  }
  return [
    answers.toString(),
    ...(databases.length > 0 ? [roles.toString()] : []),
    colours.bold("what next:"),
    ...next.map(({ what, command, note }) => {
      const shown = note === undefined ? command : `${command}  (${note})`;
      return `  ${what.padEnd(24)} ${colours.cyan(shown)}`;
    }),
  ];
}

function nextSteps(
  record: ReadySandbox["record"],
  stack: string,
  visits: readonly Visit[],
  { open, remove }: NextCommands,
): SandboxAnswer["next"] {
  const [first] = visits;
  const below = relative(process.cwd(), record.edge.caFile);
  const caFile = below.startsWith("..") ? record.edge.caFile : below;
  const local = visits.map(({ url }) => ({ url, typed: typedAddress(url, record) }));
  const openable = local.find(({ url, typed }) => url !== typed)?.typed;
  const drawing = record.page.url;
  const note = "it warns: the certificate is the sandbox's own";
  return [
    ...(openable === undefined ? [] : [{ what: "open it in a browser", command: openable, note }]),
    ...(first === undefined ? [] : [{ what: "ask an address", command: curlCommand(first, record, caFile) }]),
    {
      what: "see it drawn",
      ...(open === undefined ? { command: drawing } : { command: open, note: drawing }),
    },
    {
      what: "use a plain pulumi",
      command: `eval "$(npx groundwork sandbox env ${chosen(stack)})" && pulumi preview -s ${stack}${workingFolder()}`,
    },
    { what: "remove everything", command: remove },
  ];
}

/** A command that asks for an address as it stands in the stack file, or by its name below `.localhost`. */
function curlCommand({ url, port }: Visit, { edge }: ReadySandbox["record"], caFile: string): string {
  const { hostname } = new URL(url);
  const typed = typedAddress(url, { edge });
  if (typed !== url) return `curl --cacert ${caFile} ${typed}`;
  return `curl --cacert ${caFile} --connect-to ${hostname}:443:127.0.0.1:${port ?? edge.httpsPort} ${url}`;
}
