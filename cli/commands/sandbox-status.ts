import { accessFolder, pendingPins, pinsFile, type PendingPin } from "../../sandbox/edge/access/logins";
import { sandboxFolder } from "../../sandbox/folder";
import type { SandboxRecord } from "../../sandbox/record";
import { runningSandbox } from "../../sandbox/sandbox";
import { type CommandDeclaration, stackOption } from "../command";
import { type Answer, jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, chosen, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

export const sandboxStatus: CommandDeclaration<EnvironmentChoice & JsonChoice> = {
  name: "sandbox status",
  summary: "says whether a stack's sandbox runs, and where its parts answer",
  example: "npx groundwork sandbox status -s dev",
  options: [stackOption, jsonOption],
  async run({ json = false, ...options }, { print }) {
    const stack = stackOf(options, "sandbox status");
    const record = await runningSandbox(stack);
    const logins = accessFolder(sandboxFolder(stack).edge);
    const pins = record === undefined ? [] : await pendingPins(logins);
    if (json) print(jsonAnswer("sandbox status", statusOf(stack, record, pinsFile(logins), pins)));
    else if (record === undefined)
      print(`the sandbox of ${stack} does not run: npx groundwork sandbox ${chosen(stack)} starts it`);
    else for (const line of statusLines(stack, record, pins)) print(line);
  },
};

/** The PINs themselves stay in their file. */
export function statusOf(
  stack: string,
  record: SandboxRecord | undefined,
  file: string,
  pins: readonly PendingPin[],
): Answer<"sandbox status"> {
  if (record === undefined) return { stack, runs: false };
  const { api, edge, host, page, pid, startedAt, storage } = record;
  const { caFile, httpPort, httpsPort } = edge;
  const { address, mode, port, user } = host;
  const pending = pins.map(({ application, email, until }) => ({ application, email, until }));
  return {
    stack,
    runs: true,
    sandbox: {
      pid,
      startedAt,
      api: api.url,
      edge: { httpPort, httpsPort, caFile },
      host: { mode, address, port, user },
      storage: storage.url,
      drawing: page.url,
      pins: { file, pending },
    },
  };
}

function statusLines(stack: string, record: SandboxRecord, pins: readonly PendingPin[]): string[] {
  const { api, edge, host, page, pid, startedAt, storage } = record;
  return [
    `the sandbox of ${stack} runs as process ${pid} since ${startedAt}`,
    `  Cloudflare's API  ${api.url}`,
    `  edge              http ${edge.httpPort}, https ${edge.httpsPort}`,
    `  host              ssh -p ${host.port} ${host.user}@${host.address} (${host.mode})`,
    `  S3 of the buckets ${storage.url}`,
    `  drawing           ${page.url}`,
    ...pins.map(
      ({ email, application, pin, until }) =>
        `  one-time PIN      ${pin} for ${email} to log in to ${application}, until ${until}`,
    ),
  ];
}
