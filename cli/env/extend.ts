import { assertShortLived, expiryAfter } from "../../automation/short-lived/lifetime";
import { imagesOfOwn, listShortLived, writeDerived } from "../../automation/short-lived/manage";
import { UserError } from "../../common/user-error";
import { placeOption } from "../at-hand";
import { type CommandDeclaration, directoryOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption } from "../run-options";
import { atPlace, type EnvChoice, fromOption, imageOption, imagesIn } from "./place";

export const envExtend: CommandDeclaration<
  EnvChoice & JsonChoice & { readonly image?: string; readonly lifetime: string }
> = {
  name: "env extend",
  summary: "keeps an environment of a pull request for longer",
  example: "npx groundwork env extend pr-123 --lifetime 1w",
  arguments: [{ name: "<name>", description: "pr- and the number of the pull request" }],
  options: [
    fromOption,
    { flags: "--lifetime <time>", description: "how long from now: 12h, 3d, 2w", default: "3d" },
    imageOption,
    jsonOption,
    placeOption,
    directoryOption,
  ],
  async run({ image, lifetime, json = false, ...choice }, context, [name = ""]) {
    assertShortLived(name);
    const expires = expiryAfter(lifetime, new Date());
    const given = imagesIn(image);
    await atPlace(choice, `extend ${name}`, context, async (place) => {
      const all = await listShortLived(place, choice.from);
      const found = all.find((each) => each.name === name);
      if (found === undefined) {
        throw new UserError({
          what: "there is no such environment",
          value: name,
          allowed: all.length === 0 ? "none is there" : all.map((each) => each.name).join(", "),
          next: `npx groundwork env up ${name}`,
        });
      }
      const template = found.template ?? choice.from;
      const images = { ...imagesOfOwn(place, { name, template }), ...given };
      // Who was let in when it was made is not asked again.
      const file = await writeDerived(place, { name, template, expires, images, isPublic: true });
      await runAndTell(await place.open(name, file), "up", context);
      context.print(
        json ? jsonAnswer("env extend", { name, template, expires }) : `${name} stays until ${expires}`,
      );
    });
  },
};
