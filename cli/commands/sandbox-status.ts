import { accessFolder, pendingPins } from "../../sandbox/edge/access/logins";
import { sandboxFolder } from "../../sandbox/folder";
import { runningSandbox } from "../../sandbox/sandbox";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, chosen, stackOf } from "../open";

export const sandboxStatus: CommandDeclaration<EnvironmentChoice> = {
  name: "sandbox status",
  summary: "says whether a stack's sandbox runs, and where its parts answer",
  example: "npx groundwork sandbox status -s dev",
  options: [stackOption],
  async run(options, { print }) {
    const stack = stackOf(options, "sandbox status");
    const record = await runningSandbox(stack);
    if (record === undefined) {
      print(`the sandbox of ${stack} does not run: npx groundwork sandbox ${chosen(stack)} starts it`);
      return;
    }
    print(`the sandbox of ${stack} runs as process ${record.pid} since ${record.startedAt}`);
    print(`  Cloudflare's API  ${record.api.url}`);
    print(`  edge              http ${record.edge.httpPort}, https ${record.edge.httpsPort}`);
    print(
      `  host              ssh -p ${record.host.port} ${record.host.user}@${record.host.address} (${record.host.mode})`,
    );
    print(`  S3 of the buckets ${record.storage.url}`);
    print(`  drawing           ${record.page.url}`);
    for (const { email, application, pin, until } of await pendingPins(
      accessFolder(sandboxFolder(stack).edge),
    )) {
      print(`  one-time PIN      ${pin} for ${email} to log in to ${application}, until ${until}`);
    }
  },
};
