import { assertShortLived, expiryAfter } from "../../automation/short-lived/lifetime";
import { writeDerived } from "../../automation/short-lived/manage";
import { addressesOf } from "../../platform/public-addresses";
import { placeOption } from "../at-hand";
import { type CommandDeclaration, directoryOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption } from "../run-options";
import { atPlace, type EnvChoice, fromOption, imageOption, imagesIn } from "./place";

interface UpChoice extends EnvChoice, JsonChoice {
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
    jsonOption,
    placeOption,
    directoryOption,
  ],
  async run({ image, lifetime, public: isPublic = false, json = false, ...choice }, context, [name = ""]) {
    assertShortLived(name);
    const expires = expiryAfter(lifetime, new Date());
    const images = imagesIn(image);
    await atPlace(choice, `bring ${name} up`, context, async (place) => {
      const file = await writeDerived(place, { name, template: choice.from, expires, images, isPublic });
      const environment = await place.open(name, file);
      await runAndTell(environment, "up", context);
      await place.publish(name, file);
      const { settings } = await environment.config();
      const addresses = addressesOf(settings).map(({ url }) => url);
      if (json) context.print(jsonAnswer("env up", { name, template: choice.from, expires, addresses }));
      else for (const address of addresses) context.print(address);
      context.say(
        `${name} may be removed from ${expires} on: npx groundwork env extend ${name} --lifetime 3d keeps it`,
      );
    });
  },
};
