import { UserError } from "../../common/user-error";
import type { Settings } from "../../platform/settings";
import type { OriginReleases } from "../releases";

/** A change of one image in the stack file of the environment that is released to. */
export interface ImageEdit {
  /** Below `config` of the stack file. */
  readonly path: readonly string[];
  /** `<origin>.<service>`, or `<origin>`. */
  readonly name: string;
  /** As the stack file names it now; undefined where it does not. */
  readonly from: string | undefined;
  /** With its digest. */
  readonly to: string;
}

/** The digest that a tag has at its registry, as `name@sha256:…`. */
export type DigestOf = (reference: string, platform: "fly" | "other") => Promise<string>;

/**
 * What of a stack file is to be changed, so that it names the very images that run in the environment before. Origins and
 * services are matched by name; one that is in one of the two only is left as it is.
 *
 * @param releases what the hosts of the environment before keep
 * @param digestOf asked for origins at platforms, which keep no release here
 * @throws UserError where an image is known by a tag only: a tag may be another image tomorrow
 */
export async function imageEdits(
  before: Settings,
  target: Settings,
  releases: readonly OriginReleases[],
  digestOf: DigestOf,
): Promise<ImageEdit[]> {
  const edits: ImageEdit[] = [];
  for (const [name, origin] of Object.entries(target.origins)) {
    const path = ["groundwork:origins", name];
    const source = before.origins[name];
    if (origin.kind === "external") {
      if (source?.kind !== "external" || source.image === undefined || origin.image === undefined) continue;
      const to = isPinned(source.image) ? source.image : await digestOf(source.image, source.platform);
      edits.push({ path: [...path, "image"], name, from: origin.image, to });
      continue;
    }
    const active = releases
      .find((each) => each.origin === name)
      ?.releases.find(({ state }) => state === "active");
    for (const [service, { image }] of Object.entries(origin.services)) {
      const to = active?.images[service];
      if (to === undefined) continue;
      if (!isPinned(to)) throw byTag(before.stack, name, service, to);
      edits.push({
        path: [...path, "services", service, "image"],
        name: `${name}.${service}`,
        from: image,
        to,
      });
    }
  }
  return edits.filter(({ from, to }) => from !== to);
}

function isPinned(reference: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(reference);
}

function byTag(stack: string, origin: string, service: string, reference: string): UserError {
  return new UserError({
    what: `${stack} runs ${origin}.${service} by a tag, which may be another image tomorrow`,
    value: reference,
    allowed: "an image with its digest: name@sha256:…",
    next: `write pull: always into groundwork:origins.${origin} of Pulumi.${stack}.yaml, then npx groundwork up -s ${stack}`,
  });
}
