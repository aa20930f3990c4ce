import { distance } from "fastest-levenshtein";

/** Words that people use for our own. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  cert: ["originCertificate"],
  certificate: ["originCertificate"],
  cname: ["target", "hostnames"],
  commands: ["command"],
  compose: ["composeFile"],
  cert_days: ["days"],
  db: ["databases", "database"],
  dir: ["directory"],
  dns: ["hostnames"],
  domains: ["hostnames", "domain"],
  customdomains: ["hostnames", "customDomain"],
  healthcheck: ["healthPath"],
  health: ["healthPath"],
  env: ["environment"],
  envvars: ["environment"],
  envs: ["environment"],
  variables: ["environment"],
  vars: ["environment"],
  fingerprint: ["hostKey"],
  host: ["hostnames", "hostname", "host", "address"],
  hostname: ["hostnames", "address", "host"],
  ip: ["address", "addresses"],
  login: ["registry", "user"],
  maxage: ["maxAgeSeconds", "deleteAfterDays"],
  migrate: ["migrations"],
  name: ["project", "database"],
  password: ["passwordSecret", "adminPasswordSecret"],
  permission: ["permissions"],
  ports: ["publish", "port"],
  pubkey: ["hostKey"],
  rate: ["rateLimit"],
  repo: ["repository"],
  scheme: ["ssl"],
  ssh: ["hosts"],
  tls: ["ssl", "tls"],
  token: ["apiTokenSecret"],
  ttl: ["maxAgeSeconds"],
  url: ["hostnames", "target", "apiUrl"],
  username: ["user", "username"],
};

/** The candidate that was most likely meant; undefined where none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const exact = candidates.find((candidate) => candidate.toLowerCase() === lower);
  if (exact !== undefined) return exact;
  const squeezed = lower.replace(/[-_ ]/g, "");
  const same = candidates.find((candidate) => candidate.toLowerCase().replace(/[-_ ]/g, "") === squeezed);
  if (same !== undefined) return same;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const far = distance(lower, candidate.toLowerCase());
    if (far < bestDistance && far < candidate.length) [best, bestDistance] = [candidate, far];
  }
  if (best !== undefined && bestDistance <= 2) return best;
  const synonym = Object.hasOwn(SYNONYMS, squeezed) ? SYNONYMS[squeezed] : undefined;
  const meant = synonym?.find((candidate) => candidates.includes(candidate));
  if (meant !== undefined) return meant;
  if (best !== undefined) return best;
  return lower.length < 3
    ? undefined
    : candidates.find((candidate) => {
        const other = candidate.toLowerCase();
        return other.startsWith(lower) || (other.length > 3 && lower.startsWith(other));
      });
}

/** The amount that is nearest, the smaller of two. */
export function nearestNumber(value: number, candidates: readonly unknown[]): number | undefined {
  const numbers = candidates.filter((candidate) => typeof candidate === "number");
  const far = (candidate: number): number => Math.abs(candidate - value);
  return numbers.sort((one, other) => far(one) - far(other) || one - other)[0];
}

/** "a, b, c" of at most `most` words. */
export function listOf(words: readonly string[], most = 12): string {
  const shown = words.slice(0, most).join(", ");
  return words.length > most ? `${shown} and ${words.length - most} more` : shown;
}
