import { type CommandDeclaration, stackOption } from "../command";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, stackOf } from "../open";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption, type LockChoice, lockWaitOf, lockWaitOption } from "../run-options";

interface DestroyChoice extends EnvironmentChoice, LockChoice, JsonChoice {
  readonly fromHosts?: boolean;
}

export const destroy: CommandDeclaration<DestroyChoice> = {
  name: "destroy",
  summary: "removes everything of the environment; what its hosts have of it only where that is said",
  example: "npx groundwork destroy -s staging",
  options: [
    stackOption,
    {
      flags: "--from-hosts",
      description:
        "then removes its containers, its volumes with their data, its networks and folders from its hosts",
    },
    lockWaitOption,
    jsonOption,
  ],
  async run({ json = false, fromHosts = false, ...options }, context) {
    const run = lockWaitOf(options);
    const environment = await openOwn(stackOf(options, "destroy"), context);
    await runAndTell(environment, "destroy", context, { run, json });
    // After it: what is protected is refused before anything of the hosts' is lost.
    if (fromHosts) await environment.removeFromHosts(context.say);
  },
};
