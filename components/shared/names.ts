import { createHash } from "node:crypto";

/** The type token of one of this library's components. */
export function componentType(component: string): string {
  return `groundwork:index:${component}`;
}

/**
 * A name within a provider's limit: as it is where it fits, else cut and closed with eight digits of its own hash, so
 * that two long names never become one.
 *
 * @example
 * fitName("streampai-staging-media", 63); // unchanged
 */
export function fitName(name: string, limit: number): string {
  if (name.length <= limit) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, limit - 9).replace(/-+$/, "")}-${digest}`;
}

/** Turns any text into a part of a resource name: lower case, digits and single hyphens. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/\*/g, "any")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}
