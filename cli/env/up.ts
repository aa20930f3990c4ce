import { assertShortLived, expiryAfter } from "../../automation/short-lived/lifetime";
import { writeDerived } from "../../automation/short-lived/manage";
import { addressesOf } from "../../platform/public-addresses";
import { placeOption } from "../at-hand";
import { type CommandDeclaration, directoryOption } from "../command";
import { runAndTell } from "../run";
import { atPlace, type EnvChoice, fromOption, imageOption, imagesIn } from "./place";

interface UpChoice extends EnvChoice {
  readonly image?: string;
  readonly lifetime: string;
  readonly public?: boolean;
}

export const envUp: CommandDeclaration<UpChoice> = {
  name: "env up",
  summary: "brings up an environment of a pull request, made from another stack, for a limited time",
  example: "npx groundwork env up pr-123 --from staging --lifetime 3d",
  arguments: [{ name: "<name>", description: "pr- and the number of the pull request" }],
  options: [
    fromOption,
    { flags: "--lifetime <time>", description: "how long it may stay: 12h, 3d, 2w", default: "3d" },
    imageOption,
    {
      flags: "--public",
      description: "lets everybody in where the stack it is made from has no groundwork:access",
    },
    placeOption,
    directoryOption,
  ],
  async run({ image, lifetime, public: isPublic = false, ...choice }, context, [name = ""]) {
    assertShortLived(name);
    const expires = expiryAfter(lifetime, new Date());
    const images = imagesIn(image);
    await atPlace(choice, `bring ${name} up`, context, async (place) => {
      const file = await writeDerived(place, { name, template: choice.from, expires, images, isPublic });
      const environment = await place.open(name, file);
      await runAndTell(environment, "up", context);
      await place.publish(name, file);
      const { settings } = await environment.config();
      for (const { url } of addressesOf(settings)) context.print(url);
      context.say(
        `${name} may be removed from ${expires} on: npx groundwork env extend ${name} --lifetime 3d keeps it`,
      );
    });
  },
};
