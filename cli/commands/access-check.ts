import { accessLine, assertAccessHolds } from "../access-after-up";
import { atHand, type PlaceChoice, placeOption } from "../at-hand";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, stackOf } from "../open";

export const accessCheck: CommandDeclaration<EnvironmentChoice & PlaceChoice> = {
  name: "access check",
  summary:
    "walks the hosts behind Access from here: without a login all but the public paths is closed, with the token open",
  example: "npx groundwork access check -s staging",
  options: [stackOption, placeOption],
  async run(options, context) {
    const stack = stackOf(options, "access check");
    const result = await atHand(stack, options, `check Access of ${stack}`, context, (environment) =>
      environment.checkAccess(),
    );
    assertAccessHolds(result, stack);
    context.print(accessLine(result, stack));
  },
};
