import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Holder } from "./leak-scan";
import { type Secret, shortest } from "./secret";

/** Secrets that the sandbox has made for itself: the passphrase, the API token, and what groundwork:secrets asks for. */
export function sandboxSecrets(folder: string): Secret[] {
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const asked = JSON.parse(read("secrets.json")) as Record<string, string>;
  return [
    { name: "passphrase", text: read("passphrase").trim() },
    { name: "cloudflare.apiToken", text: read("api-token").trim() },
    ...Object.entries(asked).map(([name, text]) => ({ name, text })),
  ].filter(({ text }) => text.length >= shortest);
}

/** What the application is given. */
export const ofTheApi = /^(main-app-|api-secret-|buckets\.|live-inputs\.|[A-Z_]+$)/;
const ofTheHost = /^(main-|api-secret-|buckets\.|live-inputs\.|[A-Z_]+$)/;

const project = "^sandbox/[^/]+/host/home/groundwork/[^/]+";

/** The files of a sandbox's home that may hold secrets, each for its owner alone. All others may not. */
export const mayHoldSecrets: readonly Holder[] = [
  { path: /^sandbox\/[^/]+\/passphrase(\.bak)?$/, secrets: /^passphrase$/ },
  { path: /^sandbox\/[^/]+\/api-token(\.bak)?$/, secrets: /^cloudflare\.apiToken$/ },
  { path: /^sandbox\/[^/]+\/secrets\.json(\.bak)?$/, secrets: /^[A-Z_]+$/ },
  // The keys of the machine that plays the host, and the one that the stack logs in with.
  { path: /^sandbox\/[^/]+\/host\/keys\//, secrets: /privateKey/ },
  // Cloudflare's own memory knows a token by its SHA-256, which is the secret key of R2 at the same time.
  { path: /^sandbox\/[^/]+\/cloudflare\/store\//, secrets: /secretAccessKey$/ },
  // On the host: variables of the containers, of this release and those that can be gone back to.
  {
    path: new RegExp(
      `${project}/(wanted/|releases/[^/]+/files/)?(\\.env|release\\.env|compose\\.override\\.json)$`,
    ),
    secrets: new RegExp(`${ofTheApi.source}|^main-admin-password`),
  },
  // What the host's own schedule makes backups with: what opens the repository, for that user alone.
  {
    path: new RegExp(`${project}/backups/main/backup\\.frames$`),
    secrets: /^main-repository-password/,
  },
  // What a failing step must not show.
  { path: new RegExp(`${project}/(wanted/|releases/[^/]+/files/)?\\.redact$`), secrets: ofTheHost },
  // Where there is no Docker: what Docker would remember of a container, and what it would mount.
  { path: /^sandbox\/[^/]+\/host\/projects\/[^/]+\/services\/api[^/]*\/spec\.json$/, secrets: ofTheApi },
  {
    path: /^sandbox\/[^/]+\/host\/projects\/[^/]+\/services\/db\/root\/\.content\/run\/secrets\/database_password$/,
    secrets: /^main-admin-password/,
  },
];
