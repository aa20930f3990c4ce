import colours from "picocolors";
import { ledgerLine } from "../../components/origin/ledger";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { openOwn } from "../at-hand";
import { chosen, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";
import { type OriginChoice, originOption } from "./releases";

export const rollback: CommandDeclaration<
  OriginChoice & JsonChoice & { readonly to?: string; readonly downgrade?: boolean }
> = {
  name: "rollback",
  summary:
    "goes back to a release that the host keeps: its images, configuration and secrets, without a lost request",
  example: "npx groundwork rollback -s prod",
  options: [
    stackOption,
    originOption,
    {
      flags: "--to <id>",
      description:
        "id or number of the release, as `groundwork releases` lists them (default: the one before)",
    },
    {
      flags: "--downgrade",
      description:
        "takes migrations back first, where one lies between that the older release cannot work with",
    },
    jsonOption,
  ],
  async run({ to, downgrade, origin, json = false, ...options }, context) {
    const stack = stackOf(options, "rollback");
    const environment = await openOwn(stack, context);
    context.signal.throwIfAborted();
    context.say(colours.bold(`rolling ${stack} back`));
    const log = (line: string): void => context.say(`  ${line}`);
    const { platforms, hosts } = await environment.originPlaces();
    const [only] = platforms;
    const external = origin ?? (platforms.length === 1 && hosts.length === 0 ? only : undefined);
    if (external !== undefined && platforms.includes(external)) {
      const { release } = await environment.rollbackExternal(external, { to, downgrade, log });
      context.print(
        json
          ? jsonAnswer("rollback", { origin: external, release, changed: true })
          : `${external}: release ${release} was brought back by its rollbackCommand`,
      );
      context.say(newerIsDescribed(stack));
      return;
    }
    const {
      origin: name,
      release,
      changed,
      ledger,
    } = await environment.rollback({ origin, to, downgrade, log });
    if (json) context.print(jsonAnswer("rollback", { origin: name, release, changed, ledger }));
    else {
      context.print(
        changed ? `release ${release} runs again` : `release ${release} runs already: nothing was changed`,
      );
      if (ledger !== undefined && changed) context.print(`  ${ledgerLine(ledger)}`);
    }
    context.say(newerIsDescribed(stack));
  },
};

function newerIsDescribed(stack: string): string {
  return (
    `Pulumi.${stack}.yaml still describes the newer one: it is released again with its next change ` +
    `(npx groundwork up ${chosen(stack)})`
  );
}
