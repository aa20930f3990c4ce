/** What the parts of a description have in common. */

/** A part of a stack file, and what it cannot say. */
export interface Described<Part> {
  readonly part: Part;
  /** What stays by hand, a line each: what, and why. */
  readonly remarks: readonly string[];
  /** Paths that the import list leaves as they are. */
  readonly leave?: readonly string[];
  /** Ids of DNS records that this part makes by itself. */
  readonly records?: readonly string[];
}

/** A name for an entry, made of another one: what settings take, and each once. */
export function entryNames(): (text: string) => string {
  const taken = new Set<string>();
  return (text) => {
    const base =
      text
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^[^a-z]+|-+$/g, "")
        .slice(0, 36)
        .replace(/-+$/, "") || "entry";
    for (let number = 1; ; number++) {
      const name = number === 1 ? base : `${base}-${number}`;
      if (taken.has(name)) continue;
      taken.add(name);
      return name;
    }
  };
}

/** Is the host name the domain, or below it? */
export function isBelow(hostname: string, domain: string): boolean {
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/** A text member of something that the API told; undefined where it is none, or empty. */
export function textIn(object: Readonly<Record<string, unknown>> | null | undefined, member: string) {
  const value = object?.[member];
  return typeof value === "string" && value !== "" ? value : undefined;
}
