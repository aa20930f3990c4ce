import { dirname, resolve } from "node:path";
import { readComposeFile } from "../components/origin/compose-files";
import { interpolated } from "../components/origin/release-images";
import type { Settings } from "../platform/settings";
import { chooseImage, type SandboxImage } from "./host/images/image";

/**
 * Origins that are answered for by a stand-in: the image of a service that the stack file names is not to be had here, or
 * the whole application is at a platform. What they answer is not the application's.
 *
 * @param stackFile compose files are looked for from its folder on
 */
export function originsWithStandIns(
  { origins }: Pick<Settings, "origins">,
  stackFile: string,
  images: readonly SandboxImage[],
): ReadonlySet<string> {
  const known = (reference: string | undefined) =>
    reference !== undefined && chooseImage(reference, images)?.exact === true;
  return new Set(
    Object.entries(origins).flatMap(([name, origin]) => {
      if (origin.kind === "external") return [name];
      const compose = readComposeFile(resolve(dirname(stackFile), origin.composeFile));
      const inFile = "summary" in compose ? compose.summary.services : {};
      const all = Object.entries(origin.services).every(([service, { image }]) => {
        const written = inFile[service]?.image;
        return known(image ?? (typeof written === "string" ? interpolated(written, {}) : undefined));
      });
      return all ? [] : [name];
    }),
  );
}
