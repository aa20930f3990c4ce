/** An image's name, taken apart. */
export interface ImageReference {
  /** Host and port of the registry. @default `registry-1.docker.io`, the Docker Hub */
  readonly registry: string;
  /** Within the registry, such as `library/postgres`. */
  readonly repository: string;
  /** A tag or a `sha256:` digest. @default `latest` */
  readonly tag: string;
}

/** As Docker reads it: a first part with a dot, a colon or named localhost is a registry; `library/` is implied. */
export function parseReference(image: string): ImageReference {
  const [withTag, digest] = image.split("@") as [string, string | undefined];
  const colon = withTag.lastIndexOf(":");
  const hasTag = colon > withTag.lastIndexOf("/");
  const name = hasTag ? withTag.slice(0, colon) : withTag;
  const tag = digest ?? (hasTag ? withTag.slice(colon + 1) : "latest");
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  if (/[.:]/.test(first) || first === "localhost") {
    const isHub = first === "docker.io" || first === "index.docker.io";
    const rest = name.slice(slash + 1);
    return {
      registry: isHub ? "registry-1.docker.io" : first,
      repository: isHub && !rest.includes("/") ? `library/${rest}` : rest,
      tag,
    };
  }
  return { registry: "registry-1.docker.io", repository: slash < 0 ? `library/${name}` : name, tag };
}
