import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Environment } from "../../automation/environment";
import { type CloudflareServer, startCloudflare } from "../../sandbox/cloudflare/server";
import { type OwnProject, ownProject } from "./own-project";

const accountId = "000000000000000000000000000000a1";
const zoneId = "000000000000000000000000000000b1";

/** A host name that no other stack has. */
export const hostnameOf = (stack: string): string => `${stack}.example.com`;

/** Programs of one's own under the real engine, one after the other on the same stack, at the sandbox's Cloudflare. */
export class CloudflareProgram {
  readonly zoneId = zoneId;

  private constructor(
    private readonly project: OwnProject,
    private readonly server: CloudflareServer,
    private readonly apiToken: string,
  ) {}

  static async start(): Promise<CloudflareProgram> {
    const project = await ownProject("cloudflare");
    const apiToken = randomBytes(20).toString("hex");
    const stateDirectory = join(project.directory, "cloudflare");
    mkdirSync(stateDirectory);
    const server = await startCloudflare({ stateDirectory, accountId, apiToken });
    await server.ensureZone({ id: zoneId, name: "example.com" });
    return new CloudflareProgram(project, server, apiToken);
  }

  /** Brings the stack to what the program says. Answers what was done, in its order, but for what stays as it is. */
  async up(stack: string, program: () => void): Promise<string[]> {
    const done: string[] = [];
    const environment = await Environment.open(stack, {
      directory: this.project.directory,
      variables: {
        ...this.project.variables,
        CLOUDFLARE_BASE_URL: this.server.url,
        CLOUDFLARE_API_TOKEN: this.apiToken,
      },
      program: () => Promise.resolve(program()),
    });
    await environment.up({
      onProgress: (progress) => {
        if (progress.kind !== "step" || progress.step.phase !== "done") return;
        const { operation, type, name } = progress.step;
        if (type.startsWith("cloudflare:") && operation !== "same") done.push(`${operation} ${name}`);
      },
    });
    return done;
  }

  /** `A 203.0.113.10` and the like: the records of a stack's host name, and their ids. */
  async records(stack: string): Promise<Record<string, string>> {
    interface Found {
      readonly id: string;
      readonly type: string;
      readonly content: string;
    }
    const path = `/zones/${zoneId}/dns_records?name=${hostnameOf(stack)}&per_page=100`;
    const response = await fetch(`${this.server.url}${path}`, {
      headers: { authorization: `Bearer ${this.apiToken}` },
    });
    const { result } = (await response.json()) as { result: readonly Found[] };
    return Object.fromEntries(result.map(({ id, type, content }) => [`${type} ${content}`, id]));
  }

  async end(): Promise<void> {
    await this.server.close();
    this.project.end();
  }
}

/** One for all tests of a file; asked for within a test. */
export function withCloudflareProgram(): () => CloudflareProgram {
  let started: CloudflareProgram;
  beforeAll(async () => {
    started = await CloudflareProgram.start();
  });
  afterAll(() => started.end());
  return () => started;
}
