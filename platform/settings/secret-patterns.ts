import { isHostname } from "./hostnames";
import type { Keys } from "./paths";

/** Recognises secrets by their looks, so that they are refused in plain text and never shown. */

const VENDOR_TOKENS = [
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/,
  /\bglpat-[A-Za-z0-9_-]{16,}/,
  /\bnpm_[A-Za-z0-9]{30,}/,
  /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/,
  /\bwhsec_[A-Za-z0-9]{16,}/,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bASIA[0-9A-Z]{16}\b/,
  /\bGOCSPX-[A-Za-z0-9_-]{20,}/,
  /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/,
  /\bsk\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\bfm[12]_[A-Za-z0-9+/=_-]{20,}/,
  /\bFlyV1 [A-Za-z0-9+/=_,-]{20,}/,
];

/** Keys of which some are made for browsers: Firebase's, Supabase's. */
const GOOGLE_KEY = /\bAIza[A-Za-z0-9_-]{35}/;
const JWT = /\beyJ[A-Za-z0-9_-]{10,}\.(eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{10,}/;

/** Names that frameworks copy into what visitors download. */
export const PUBLIC_NAME = /^(NEXT_PUBLIC_|PUBLIC_|VITE_|REACT_APP_|NUXT_PUBLIC_|EXPO_PUBLIC_|GATSBY_)/;

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/;
/** scheme://user:password@host; an empty password or a `$…` placeholder is none. */
const URL_WITH_PASSWORD = /[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:(?!\$\{)[^\s/@]+@/i;

/** What a text looks like, if it looks like a secret by itself, whatever its name. */
export function secretLook(text: string): string | undefined {
  return GOOGLE_KEY.test(text) || JWT.test(text) ? "an access token" : serverSecretLook(text);
}

/** The same for what a browser may be given. */
function serverSecretLook(text: string): string | undefined {
  if (isServiceRole(text)) return "an access token of a server";
  if (PRIVATE_KEY.test(text)) return "a private key";
  if (URL_WITH_PASSWORD.test(text)) return "a URL with a password in it";
  if (VENDOR_TOKENS.some((pattern) => pattern.test(text))) return "an access token";
  return undefined;
}

/** Supabase's key that passes over all rules of its database has the form of the one for browsers. */
function isServiceRole(text: string): boolean {
  const claims = Buffer.from(JWT.exec(text)?.[1] ?? "", "base64url").toString();
  return claims.includes("service_role");
}

const SECRET_NAME =
  /secret|token|passw(?:or)?d|passphrase|api_?-?key|private_?-?key|access_?-?key|credential|encryption_?-?key|key_?base/i;
const NOT_SECRET_NAME =
  /(?:_|-)?(?:url|uri|file|path|name|id|ttl|expiry|host|type|algorithm|port|version|hours|days|seconds)$/i;
/** Settings of ours whose names sound secret, but which hold names or public things. */
const OUR_OWN = /Secret$|^(hostKey|keyMode|publicPaths|serviceTokens|tokens|secret)$/;

/** Does the name say that its value is a secret? */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !NOT_SECRET_NAME.test(name) && !OUR_OWN.test(name);
}

/** Is the text long and shapeless enough to be a token or password, rather than a word, a host name or a URL? */
function hasTokenShape(text: string): boolean {
  if (text.length < 12 || /\s/.test(text)) return false;
  if (URL.canParse(text) || isHostname(text) || text.startsWith("/")) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(text)).length;
  return text.length >= 20 || kinds >= 3 || (kinds >= 2 && /\d/.test(text));
}

/** Why the text at the path looks like a secret in plain text; undefined if it does not. */
export function plainSecret(keys: Keys, text: string): string | undefined {
  const name = keys.filter((key) => typeof key === "string").at(-1) ?? "";
  if (PUBLIC_NAME.test(name)) return serverSecretLook(text);
  const look = secretLook(text);
  if (look !== undefined) return look;
  if (keys[0] === "hosts" && name === "hostKey") return undefined;
  return isSecretName(name) && hasTokenShape(text) ? "a secret, by its name and its looks" : undefined;
}

const LONGEST_SHOWN = 80;

/**
 * A value as an error message may show it; undefined where it could be a secret: anything of `secrets`, encrypted
 * values, values with secret names, texts with a secret's looks and shapeless long ones.
 */
export function showValue(keys: Keys, value: unknown): string | undefined {
  if (keys[0] === "secrets") return undefined;
  if (typeof value === "string" && namesSomething(keys, value)) return JSON.stringify(value);
  // Where the name of a secret belongs, what is no name may be the secret itself.
  if (/(^s|S)ecret$/.test(String(keys.at(-1)))) return undefined;
  if (keys.some((key) => typeof key === "string" && (isSecretName(key) || secretLook(key) !== undefined)))
    return undefined;
  if (value === undefined) return undefined;
  if (value === null) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value !== "string") return "a map";
  if (secretLook(value) !== undefined || isShapeless(value)) return undefined;
  const line = JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value);
  return line;
}

/**
 * The parts of all texts in `values` that are not to be shown. A message about one place may repeat a text of another
 * one, so they are taken out of every message.
 */
export function hiddenParts(values: unknown, keys: Keys = []): string[] {
  if (typeof values === "string") {
    if (showValue(keys, values) !== undefined) return [];
    return values.split(/[\s:/@.,]+/).filter((part) => part.length >= 12 && /[\dA-Z]/.test(part));
  }
  if (Array.isArray(values)) return values.flatMap((item, index) => hiddenParts(item, [...keys, index]));
  if (typeof values !== "object" || values === null) return [];
  return Object.entries(values).flatMap(([key, inner]) => hiddenParts(inner, [...keys, key]));
}

/** Is it the name of a secret, or a reference, where such a thing belongs? */
function namesSomething(keys: Keys, value: string): boolean {
  const last = String(keys.at(-1));
  if (/(^s|S)ecret$/.test(last)) return /^[A-Z][A-Z0-9_]{0,99}$/.test(value);
  return last === "from" && value.length < 100 && /^[a-z]+(\.[a-zA-Z][a-zA-Z0-9_-]{0,39})+$/.test(value);
}

/** Long runs of mixed letters and digits are not shown: nobody needs them to find a mistake. */
function isShapeless(text: string): boolean {
  return text
    .split(/[\s/:@.,]+/)
    .some(
      (part) => part.length >= 24 && /\d/.test(part) && /[A-Za-z]/.test(part) && !/^[0-9a-f-]+$/.test(part),
    );
}
