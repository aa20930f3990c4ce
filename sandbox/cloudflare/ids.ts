import { createHash, randomBytes, randomUUID } from "node:crypto";

/** 32 hex digits: zones, records, rulesets, tokens, queues. */
export function hexId(): string {
  return randomBytes(16).toString("hex");
}

/** Access objects, tunnels, Pages projects, deployments. */
export const uuid = randomUUID;

export function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The same 32 hex digits for the same text: permission groups and others that exist from the start. */
export function stableId(text: string): string {
  return sha256(text).slice(0, 32);
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/** A secret of letters, digits, `-` and `_`: 64 of them, so that each byte's low six bits choose one evenly. */
export function secret(length: number): string {
  return [...randomBytes(length)].map((byte) => alphabet[byte & 63]).join("");
}

export function isHexId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** The id of the token that may do everything. */
export function ownTokenId(accountId: string): string {
  return stableId(`own token of ${accountId}`);
}
