import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../common/user-error";
import { retryAfter } from "./cloudflare-api";
import type { SiteFile } from "./pages-files";
import { collectSite, makeBatches, readUnchanged } from "./pages-files";

/** What {@link deployPages} needs. */
export interface PagesDeployment {
  /** Base of Cloudflare's API, such as `https://api.cloudflare.com/client/v4`. */
  readonly apiUrl: string;
  /** May edit Pages in the account. */
  readonly apiToken: string;
  readonly accountId: string;
  /** Name of an existing Pages project. */
  readonly project: string;
  /** The built site. `_headers` and `_redirects` at its top are read as Pages does. */
  readonly directory: string;
  /** The project's production branch makes a production deployment, any other one a preview. */
  readonly branch: string;
  /** @default none */
  readonly commitHash?: string;
  /** Cut to 384 bytes. @default none */
  readonly commitMessage?: string;
  /** One line for each step. @default silent */
  readonly onProgress?: (line: string) => void;
  /** Waits between tries and polls, in milliseconds. @default 500 for both */
  readonly waits?: { readonly retryMs?: number; readonly pollMs?: number };
}

/** A deployment that has succeeded. */
export interface PagesDeployed {
  readonly id: string;
  /** The deployment's own address. */
  readonly url: string;
  /** Files that had to be uploaded, and files that Cloudflare had already. */
  readonly uploaded: number;
  readonly unchanged: number;
}

const tries = 6;
const longestWaitMs = 60_000;
const requestMs = 180_000;
const deployMs = 10 * 60_000;
const uploadsAtOnce = 3;
const tokenExpired = 8000013;
const unknownError = 8000000;

/**
 * Uploads a built folder to a Pages project and waits until it is served. Only what Cloudflare does not have yet is
 * sent, so a second run with nothing changed uploads nothing.
 *
 * @throws UserError where the folder, a file or the project is not fit, the token is refused or the deployment fails
 * @example
 * const { url } = await deployPages({ apiUrl, apiToken, accountId, project: "streampai", directory: "dist", branch: "main" });
 */
export async function deployPages(options: PagesDeployment): Promise<PagesDeployed> {
  const client = new PagesClient(options);
  const say = options.onProgress ?? (() => undefined);
  const maxFiles = await client.renewToken();
  const site = await collectSite(options.directory, { maxFiles, onProgress: say });
  say(`${site.files.length} files in ${options.directory}`);

  const byHash = new Map(site.files.map((file) => [file.hash, file]));
  const hashes = [...byHash.keys()];
  const missing = await client.assets<string[]>("check-missing", { hashes });
  await uploadAll(
    client,
    missing.map((hash) => byHash.get(hash)).filter((file) => file !== undefined),
    say,
  );
  try {
    await client.assets("upsert-hashes", { hashes });
  } catch (error) {
    // Without it the next run may upload again what is there: slower, not wrong.
    say(`warning: Cloudflare did not note the uploaded files (${(error as Error).message})`);
  }

  const created = await client.project<Deployment>("POST", "/deployments", () =>
    deploymentForm(options, site),
  );
  const deployed = await waitFor(client, created, options.waits?.pollMs ?? 500);
  const missingSet = new Set(missing);
  const uploaded = site.files.filter(({ hash }) => missingSet.has(hash)).length;
  say(`deployed ${deployed.url}`);
  return { id: deployed.id, url: deployed.url, uploaded, unchanged: site.files.length - uploaded };
}

async function uploadAll(
  client: PagesClient,
  files: readonly SiteFile[],
  say: (line: string) => void,
): Promise<void> {
  const waiting = makeBatches(files);
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      const payload = await Promise.all(
        batch.map(async (file) => ({
          key: file.hash,
          value: await readUnchanged(file),
          metadata: { contentType: file.contentType },
          base64: true,
        })),
      );
      await client.assets("upload", payload);
      done += batch.length;
      say(`uploaded ${done} of ${files.length} files`);
    }
  };
  await Promise.all(Array.from({ length: uploadsAtOnce }, worker));
}

interface Site {
  readonly files: readonly SiteFile[];
  readonly special: Readonly<Record<string, string>>;
}

function deploymentForm({ branch, commitHash, commitMessage }: PagesDeployment, site: Site): FormData {
  const form = new FormData();
  form.set("manifest", JSON.stringify(Object.fromEntries(site.files.map(({ path, hash }) => [path, hash]))));
  form.set("branch", branch);
  if (commitHash !== undefined) form.set("commit_hash", commitHash);
  if (commitMessage !== undefined) form.set("commit_message", cutToBytes(commitMessage, 384));
  for (const [name, text] of Object.entries(site.special)) form.set(name, new Blob([text]), name);
  return form;
}

/** Cuts at a character's border. */
export function cutToBytes(text: string, bytes: number): string {
  const whole = Buffer.from(text);
  if (whole.length <= bytes) return text;
  return new TextDecoder().decode(whole.subarray(0, bytes), { stream: true });
}

interface Deployment {
  readonly id: string;
  readonly url: string;
  readonly latest_stage: { readonly name: string; readonly status: string };
}

async function waitFor(client: PagesClient, created: Deployment, pollMs: number): Promise<Deployment> {
  const until = Date.now() + deployMs;
  let deployment = created;
  for (let wait = pollMs; ; wait = Math.min(wait * 1.5, 5000)) {
    const { name, status } = deployment.latest_stage;
    if (status === "failure" || status === "canceled") {
      throw new UserError({
        what: `the deployment of ${client.name} ended with ${status} in the stage ${name}`,
        value: created.id,
        next: await lastLines(client, created.id),
      });
    }
    if (name === "deploy" && status === "success") return deployment;
    if (Date.now() > until) {
      throw new UserError({
        what: `the deployment of ${client.name} is still in the stage ${name} after ${deployMs / 60_000} minutes`,
        value: created.id,
        next: "look at the project's deployments in Cloudflare's dashboard",
      });
    }
    await sleep(wait);
    deployment = await client.project<Deployment>("GET", `/deployments/${created.id}`);
  }
}

async function lastLines(client: PagesClient, id: string): Promise<string> {
  try {
    const logs = await client.project<{ data?: { line: string }[] }>(
      "GET",
      `/deployments/${id}/history/logs`,
    );
    const lines = (logs.data ?? []).slice(-10).map(({ line }) => line);
    if (lines.length > 0) return `mend what its log says:\n    ${lines.join("\n    ")}`;
  } catch {
    // The failure itself is what matters.
  }
  return "look at the deployment's log in Cloudflare's dashboard";
}

/** An answer of the API that is an error. */
class ApiFailure extends Error {
  constructor(
    action: string,
    readonly status: number,
    readonly errors: readonly { readonly code: number; readonly message: string }[],
    readonly retryAfterMs: number | undefined,
  ) {
    super(`${action}: ${status}${errors.map(({ code, message }) => `, ${message} (code ${code})`).join("")}`);
  }

  has(code: number): boolean {
    return this.errors.some((error) => error.code === code);
  }
}

/** The calls of a direct upload, with tries again where that helps. */
class PagesClient {
  private jwt: Promise<string> | undefined;

  constructor(private readonly options: PagesDeployment) {}

  get name(): string {
    return this.options.project;
  }

  /** Gets an upload token. @returns the number of files a site may have, 20,000 where the token does not say */
  async renewToken(): Promise<number> {
    this.jwt = this.project<{ jwt: string }>("GET", "/upload-token").then(({ jwt }) => jwt);
    return fileLimit(await this.jwt);
  }

  /** A call of the account's API on the project. The body is made anew for each try. */
  async project<T>(method: string, path: string, body?: () => FormData): Promise<T> {
    const { accountId, project, apiToken } = this.options;
    const url = `/accounts/${accountId}/pages/projects/${encodeURIComponent(project)}${path}`;
    try {
      return await this.retried(() => this.call<T>(method, url, apiToken, body?.()));
    } catch (error) {
      throw this.explained(error);
    }
  }

  /** A call with the upload token, which is renewed when it has expired. */
  async assets<T>(action: string, body: unknown): Promise<T> {
    const text = JSON.stringify(body);
    for (let renewals = 0; ; renewals++) {
      const used = this.jwt;
      const jwt = (await used) ?? "";
      try {
        return await this.retried(() => this.call<T>("POST", `/pages/assets/${action}`, jwt, text));
      } catch (error) {
        if (!(error instanceof ApiFailure) || !error.has(tokenExpired) || renewals >= 3)
          throw this.explained(error);
        // Three uploads may find out at once; one renewal serves them all.
        if (this.jwt === used) await this.renewToken();
      }
    }
  }

  private async retried<T>(call: () => Promise<T>): Promise<T> {
    const base = this.options.waits?.retryMs ?? 500;
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (attempt >= tries || !isTransient(error)) throw error;
        const asked = error instanceof ApiFailure ? error.retryAfterMs : undefined;
        const backoff = base * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
        const wait = Math.min(asked ?? backoff, longestWaitMs);
        this.options.onProgress?.(`${(error as Error).message}; again in ${(wait / 1000).toFixed(1)} s`);
        await sleep(wait);
      }
    }
  }

  private async call<T>(method: string, path: string, token: string, body?: FormData | string): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (typeof body === "string") headers["content-type"] = "application/json";
    const response = await fetch(this.options.apiUrl.replace(/\/$/, "") + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(requestMs),
    });
    const action = `${method} ${path}`;
    const answer = await readAnswer<T>(response);
    if (answer?.success === true && response.ok) return answer.result;
    throw new ApiFailure(
      action,
      response.status,
      answer?.errors ?? [],
      retryAfter(response.headers.get("retry-after")),
    );
  }

  /** What a user can mend becomes a {@link UserError}. */
  private explained(error: unknown): unknown {
    const { project, accountId, apiUrl } = this.options;
    if (error instanceof ApiFailure) {
      const next =
        error.status === 401 || error.status === 403
          ? "give the API token the permission Pages Write (edit) in this account"
          : error.status === 404
            ? "bring the Pages project up first, and check the account id"
            : error.status < 500
              ? "mend what Cloudflare says, then deploy again"
              : "try again later; https://www.cloudflarestatus.com tells of outages";
      const what = `Cloudflare refused a step of the Pages deployment of ${project} in account ${accountId}`;
      return new UserError({ what, value: error.message, next, cause: error });
    }
    if (error instanceof UserError || !isTransient(error)) return error;
    const what = "Cloudflare's API cannot be reached";
    return new UserError({
      what,
      value: apiUrl,
      next: "check the network and the API's address",
      cause: error,
    });
  }
}

interface Envelope<T> {
  readonly success: boolean;
  readonly result: T;
  readonly errors?: { readonly code: number; readonly message: string }[];
}

async function readAnswer<T>(response: Response): Promise<Envelope<T> | undefined> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Envelope<T>;
  } catch {
    return undefined;
  }
}

function isTransient(error: unknown): boolean {
  if (error instanceof ApiFailure) {
    return error.status === 429 || error.status === 408 || error.status >= 500 || error.has(unknownError);
  }
  // What `fetch` throws for a connection that cannot be made or broke off, and for a timeout.
  const { name, message } = error as Error;
  return name === "TimeoutError" || (name === "TypeError" && /^(fetch failed|terminated)$/.test(message));
}

/** The claim of an upload token that says how many files a site may have. */
export function fileLimit(jwt: string): number {
  try {
    const claims = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()) as Record<
      string,
      unknown
    >;
    const limit = claims["max_file_count_allowed"];
    return typeof limit === "number" ? limit : 20_000;
  } catch {
    return 20_000;
  }
}
