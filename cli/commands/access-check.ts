import { accessLine, assertAccessHolds } from "../access-after-up";
import { atHand, type PlaceChoice, placeOption } from "../at-hand";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

export const accessCheck: CommandDeclaration<EnvironmentChoice & JsonChoice & PlaceChoice> = {
  name: "access check",
  summary:
    "walks the hosts behind Access from here: without a login all but the public paths is closed, with the token open",
  example: "npx groundwork access check -s staging",
  options: [stackOption, placeOption, jsonOption],
  async run({ json = false, ...options }, context) {
    const stack = stackOf(options, "access check");
    const result = await atHand(stack, options, `check Access of ${stack}`, context, (environment) =>
      environment.checkAccess(),
    );
    const { closed, open, problems } = result;
    if (json) context.print(jsonAnswer("access check", { stack, closed, open, problems }));
    assertAccessHolds(result, stack);
    if (!json) context.print(accessLine(result, stack));
  },
};
