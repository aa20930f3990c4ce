import { UserError } from "../../common/user-error";
import { atHand, type PlaceChoice, placeOption } from "../at-hand";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, chosen, stackOf } from "../open";

export const accessCheck: CommandDeclaration<EnvironmentChoice & PlaceChoice> = {
  name: "access check",
  summary:
    "walks the hosts behind Access from here: without a login all but the public paths is closed, with the token open",
  example: "npx groundwork access check -s staging",
  options: [stackOption, placeOption],
  async run(options, context) {
    const stack = stackOf(options, "access check");
    const { closed, open, problems } = await atHand(
      stack,
      options,
      `check Access of ${stack}`,
      context,
      (environment) => environment.checkAccess(),
    );
    if (problems.length === 0) {
      context.print(
        `Access of ${stack} holds: ${closed} requests were refused as they must be, ${open} were let in`,
      );
      return;
    }
    throw new UserError({
      what: "the hosts behind Access are not as they are described",
      value: `\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
      next: `npx groundwork refresh ${chosen(stack)} shows what was changed by hand, and npx groundwork up ${chosen(stack)} puts it back; an application that the stack does not own is removed at Cloudflare`,
    });
  },
};
