import { createHash } from "node:crypto";

/** Sixteen hex digits that change whenever one of the parts does. */
export function hashOf(parts: unknown): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}
