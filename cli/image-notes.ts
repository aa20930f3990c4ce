import type { Settings } from "../platform/settings";
import { type SandboxImage, knownImage } from "../sandbox/host/images/image";
import type { StandIns } from "../sandbox/host/stand-ins";

/**
 * Says which services run something else in the sandbox than the image that the stack file names, one line each.
 *
 * @param made Images that the sandbox makes from local files.
 * @param standIns What its host runs by a stand-in.
 */
export function imageNotes(
  { origins }: Pick<Settings, "origins">,
  made: readonly SandboxImage[],
  standIns: StandIns,
): string[] {
  const named = Object.values(origins).flatMap((origin) =>
    origin.kind === "compose" || origin.kind === "swarm"
      ? Object.entries(origin.services).map(([service, { image }]) => ({ service, image }))
      : [],
  );
  const local = named.flatMap(({ service, image }) =>
    image !== undefined && knownImage(image, made) !== undefined
      ? [`service ${service}: the sample of examples/ runs in place of ${image}`]
      : [],
  );
  const strange = Object.entries(standIns).map(
    ([service, image]) =>
      `service ${service}: ${image} is not to be had here; a server that says so answers in its place`,
  );
  return [...local, ...strange];
}
