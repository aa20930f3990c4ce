import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Fault } from "../../sandbox/cloudflare/faults";
import { type CloudflareServer, startCloudflare } from "../../sandbox/cloudflare/server";
import { installProviders } from "../../sandbox/providers/install";
import { type Storage, startStorage } from "../../sandbox/storage/server";
import { projectRoot } from "../../common/project-root";
import { type CommandResult, runProgram } from "./command";
import { InterruptibleCommand } from "./interruptible";

const accountId = "000000000000000000000000000000a1";
const zoneId = "000000000000000000000000000000b1";

/**
 * A project of a few buckets and a site at the sandbox's Cloudflare, with a file backend of its own: what `groundwork up`
 * brings up in seconds, by the real command under the real engine.
 */
export class SmallProject {
  readonly apiToken = randomBytes(20).toString("hex");
  readonly passphrase = randomBytes(12).toString("hex");
  /** What the API was asked so far: `GET /client/v4/zones 200`. */
  readonly requests: readonly string[] = [];
  /** Where the states are, if not in a folder. */
  private readonly storage?: Storage;

  private constructor(
    readonly directory: string,
    private readonly server: CloudflareServer,
    readonly variables: Readonly<Record<string, string>>,
  ) {}

  /** @param states where the states are: a folder, or a bucket of the sandbox's R2 */
  static async start(states: "folder" | "bucket" = "folder"): Promise<SmallProject> {
    const directory = mkdtempSync(join(tmpdir(), "gw-small-"));
    const [apiToken, passphrase] = [randomBytes(20).toString("hex"), randomBytes(12).toString("hex")];
    for (const folder of ["home", "state", "cloudflare"]) mkdirSync(join(directory, folder));
    const requests: string[] = [];
    const server = await startCloudflare({
      stateDirectory: join(directory, "cloudflare"),
      accountId,
      apiToken,
      log: (line) => requests.push(line),
    });
    await server.ensureZone({ id: zoneId, name: "example.com" });
    const storage =
      states === "folder"
        ? undefined
        : await startStorage({ directory: join(directory, "storage"), account: server.storage });
    const pulumiHome = join(directory, "home");
    await installProviders({ pulumiHome, policy: "always", path: "" });
    writeFileSync(join(directory, "Pulumi.yaml"), "name: small\nruntime: nodejs\n");
    writeFileSync(join(directory, "passphrase"), passphrase, { mode: 0o600 });
    const project = new SmallProject(directory, server, {
      PULUMI_HOME: pulumiHome,
      PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: join(directory, "passphrase"),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_SKIP_UPDATE_CHECK: "1",
      CLOUDFLARE_BASE_URL: server.url,
      CLOUDFLARE_API_TOKEN: apiToken,
      NO_COLOR: "1",
    });
    Object.assign(project, { apiToken, passphrase, requests });
    if (storage !== undefined) await project.keepStatesIn(storage);
    project.describe("shop", 3);
    return project;
  }

  private async keepStatesIn(storage: Storage): Promise<void> {
    Object.assign(this, { storage });
    await this.api("POST", `${this.accountPath}/r2/buckets`, { name: "states" });
    const { id } = (await this.api("GET", `${this.accountPath}/tokens/verify`)) as { id: string };
    const endpoint = storage.url.replace("http://", "");
    Object.assign(this.variables, {
      PULUMI_BACKEND_URL: `s3://states?region=auto&endpoint=${endpoint}&disableSSL=true&s3ForcePathStyle=true`,
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: createHash("sha256").update(this.apiToken).digest("hex"),
    });
  }

  /** Writes a stack file with so many buckets, and what is given besides; what the engine has put into it stays. */
  describe(
    stack: string,
    buckets: number,
    prefix = "media",
    more: Readonly<Record<string, unknown>> = {},
  ): void {
    const file = join(this.directory, `Pulumi.${stack}.yaml`);
    let salt = "";
    try {
      salt = /^encryptionsalt: .*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? "";
    } catch {
      // There is none yet.
    }
    const names = Array.from({ length: buckets }, (_, index) => `${prefix}-${index}`);
    const config = {
      "groundwork:domain": "example.com",
      "groundwork:cloudflare": { accountId, zoneId, apiUrl: this.server.url },
      "groundwork:sites": {
        web: { project: "shop-web", productionBranch: "main", hostnames: ["www.example.com"] },
      },
      "groundwork:buckets": Object.fromEntries(
        names.map((name) => [name, { name: `shop-${name}`, customDomain: `${name}.example.com` }]),
      ),
      ...more,
    };
    writeFileSync(file, `${stringify({ config })}${salt}\n`);
  }

  /** Runs `groundwork ARGS --directory <this project>` to its end. */
  run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    return runProgram(
      process.execPath,
      [join(projectRoot(), "bin", "groundwork.js"), ...args, "--directory", this.directory],
      { ...this.variables, ...variables },
    );
  }

  /** The same, to be ended in the middle. */
  begin(args: readonly string[]): InterruptibleCommand {
    return new InterruptibleCommand([...args, "--directory", this.directory], this.variables);
  }

  /** Asks the API, as somebody does who changes things by hand. */
  async api(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.apiToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { success: boolean; errors: unknown; result: unknown };
    if (!answer.success) throw new Error(`${method} ${path}: ${JSON.stringify(answer.errors)}`);
    return answer.result;
  }

  /** Failures that the next requests meet, each once. */
  fail(...faults: readonly Fault[]): void {
    for (const fault of faults) this.server.faults.add(fault);
  }

  /** Failures that nobody has met yet are not to come. */
  failNoMore(): void {
    this.server.faults.clear();
  }

  /** The next two requests to such a path are answered late, and with a failure that is tried again. */
  delay(path: RegExp, milliseconds: number): void {
    this.server.faults.add({ path, delayMs: milliseconds, kind: 503, times: 2 });
  }

  get zonePath(): string {
    return `/zones/${zoneId}`;
  }

  get accountPath(): string {
    return `/accounts/${accountId}`;
  }

  async end(): Promise<void> {
    await this.storage?.close();
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
