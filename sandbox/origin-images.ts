import { dirname, resolve } from "node:path";
import { type ComposeSummary, readComposeFile } from "../components/origin/compose-files";
import { interpolated } from "../components/origin/release-images";
import type { Settings } from "../platform/settings";
import { chooseImage, imageName, type SandboxImage } from "./host/images/image";

/** What a stand-in's answer is not asked for, as it is not the application's. */
export type NotAsked = "contains" | "http2";

/**
 * Origins that are answered for by a stand-in: the image of a service that the stack file names is not to be had here, or
 * the whole application is at a platform. With what of their `verify` only the application itself could answer: where what
 * ends TLS is its own, HTTP/2 is asked for.
 *
 * @param stackFile compose files are looked for from its folder on
 */
export function originsWithStandIns(
  { origins }: Pick<Settings, "origins">,
  stackFile: string,
  images: readonly SandboxImage[],
): ReadonlyMap<string, readonly NotAsked[]> {
  const known = (reference: string | undefined) =>
    reference !== undefined && chooseImage(reference, images)?.exact === true;
  return new Map(
    Object.entries(origins).flatMap(([name, origin]): [string, NotAsked[]][] => {
      if (origin.kind === "external") return [[name, ["contains", "http2"]]];
      const inFile = composeServices(stackFile, origin.composeFile);
      const isKnown = ([service, { image }]: [string, { image?: string | undefined }]): boolean =>
        known(image ?? imageOf(inFile, service));
      const services = Object.entries(origin.services);
      if (services.every(isKnown)) return [];
      const door = services.filter(([, service]) => "tls" in service && service.tls !== undefined);
      const ownDoor = door.length > 0 && door.every(isKnown);
      return [[name, ownDoor ? ["contains"] : ["contains", "http2"]]];
    }),
  );
}

/** Whether a service of an origin runs an image of that name, whoever asked for it. */
export function usesImage(
  { origins }: Pick<Settings, "origins">,
  stackFile: string,
  wanted: string,
): boolean {
  return Object.values(origins).some((origin) => {
    if (origin.kind === "external") return false;
    const inFile = composeServices(stackFile, origin.composeFile);
    return Object.keys(inFile).some((service) => imageName(imageOf(inFile, service) ?? "") === wanted);
  });
}

function composeServices(stackFile: string, composeFile: string): ComposeSummary["services"] {
  const inFile = readComposeFile(resolve(dirname(stackFile), composeFile));
  return "summary" in inFile ? inFile.summary.services : {};
}

function imageOf(services: ComposeSummary["services"], service: string): string | undefined {
  const written = services[service]?.image;
  return typeof written === "string" ? interpolated(written, {}) : undefined;
}
