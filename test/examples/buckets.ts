import { join } from "node:path";
import { createHash } from "node:crypto";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import Cloudflare from "cloudflare";
import { projectRoot } from "../../common/project-root";
import type { SandboxRecord } from "../../sandbox/record";
import { exportedVariables, runProgram, type SandboxHome } from "../support/command";
import { transcribe } from "../support/transcript";

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Outputs {
  readonly buckets: Readonly<Record<string, { readonly bucketName: string; readonly endpoint: string }>>;
  readonly s3Credentials: Readonly<Record<string, Keys>>;
}

const account_id = "000000000000000000000000000000a2";

/** The S3 keys that a stack made, by the official SDK: what they reach, their raising, and a destroy with data inside. */
export function bucketTests(
  home: SandboxHome,
  named: readonly string[],
  directory: string,
  record: () => SandboxRecord,
): void {
  const project = join(projectRoot(), directory);

  let variables: Readonly<Record<string, string>> = {};
  beforeAll(async () => {
    // Once: each start makes the sandbox's copy of the stack file anew.
    variables = exportedVariables((await home.run(["sandbox", "env", ...named])).stdout);
  }, 120_000);

  const inSandbox = (line: string) => runProgram("/bin/sh", ["-c", line], variables);
  const cloudflare = () =>
    new Cloudflare({ apiToken: variables["CLOUDFLARE_API_TOKEN"]!, baseURL: record().api.url });

  async function outputs(): Promise<Outputs> {
    const { code, stdout } = await inSandbox(
      `exec pulumi stack output --json --show-secrets -s staging --cwd '${project}'`,
    );
    expect(code).toBe(0);
    return JSON.parse(stdout) as Outputs;
  }

  /** Brings the stack up with settings in the sandbox's own copy of its file. */
  async function upWith(settings: Readonly<Record<string, string>>): Promise<Outputs> {
    const at = `-s staging --cwd '${project}'`;
    const lines = Object.entries(settings).map(
      ([name, value]) =>
        `pulumi config set --path groundwork:storage.${name} ${value} ${at} --config-file "$PULUMI_OPTION_CONFIG_FILE"`,
    );
    const up = `exec pulumi up --yes --skip-preview --non-interactive ${at}`;
    const { code, all } = await inSandbox([...lines, up].join(" && "));
    expect({ code, all: code === 0 ? "" : all }).toEqual({ code: 0, all: "" });
    return outputs();
  }

  async function refusal(work: (s3: S3Client) => Promise<unknown>, credentials: Keys): Promise<string> {
    const s3 = new S3Client({ endpoint: record().storage.url, region: "auto", credentials, maxAttempts: 1 });
    try {
      await work(s3);
      return "none";
    } catch (error) {
      return (error as Error).name;
    } finally {
      s3.destroy();
    }
  }

  const Bucket = "audio-staging";
  const write = (Key: string) => (s3: S3Client) => s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));

  test("the keys of the stack reach its buckets by the official SDK, and no other", async () => {
    const { buckets, s3Credentials } = await outputs();
    expect(buckets["audio"]).toMatchObject({ bucketName: Bucket, endpoint: record().storage.url });
    const keys = s3Credentials["api"]!;
    for (const name of ["audio-staging", "images-staging"]) {
      const roundTrip = async (s3: S3Client) => {
        await s3.send(new PutObjectCommand({ Bucket: name, Key: "a", Body: "b" }));
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: name, Key: "a" }));
        expect(await Body!.transformToString()).toBe("b");
      };
      expect(await refusal(roundTrip, keys)).toBe("none");
      transcribe(`by the AWS SDK with the stack's keys: put and get in ${name}: no refusal`);
    }
    const wrong = {
      ...keys,
      secretAccessKey: createHash("sha256").update(keys.secretAccessKey).digest("hex"),
    };
    expect(await refusal(write("wrong"), wrong)).toBe("SignatureDoesNotMatch");
    transcribe(`by the AWS SDK with a wrong secret: put in ${Bucket}: SignatureDoesNotMatch`);
    // At R2's own name the edge leads there as well.
    const { edge } = record();
    const connect = ["--cacert", edge.caFile, "--connect-to", `::127.0.0.1:${edge.httpsPort}`];
    const address = `https://${account_id}.r2.cloudflarestorage.com/${Bucket}/a`;
    const { stdout } = await runProgram("curl", ["-sS", ...connect, address]);
    expect(stdout).toContain("<Code>Unauthorized</Code>");
    expect(variables["AWS_ENDPOINT_URL_S3"]).toBe(record().storage.url);
    await cloudflare().r2.buckets.create({ account_id, name: "somebody-elses" });
    const other = (s3: S3Client) => s3.send(new ListObjectsV2Command({ Bucket: "somebody-elses" }));
    expect(await refusal(other, keys)).toBe("AccessDenied");
    transcribe("by the AWS SDK with the stack's keys: list a bucket of somebody else's: AccessDenied");
    await cloudflare().r2.buckets.delete("somebody-elses", { account_id });
  }, 240_000);

  test("raised, new keys and those of before both work; revoked, the new ones alone", async () => {
    const before = (await outputs()).s3Credentials["api"]!;
    const raised = (await upWith({ credentialsVersion: "2" })).s3Credentials["api"]!;
    expect(raised.accessKeyId).not.toBe(before.accessKeyId);
    expect(await refusal(write("by both"), before)).toBe("none");
    expect(await refusal(write("by both"), raised)).toBe("none");
    const after = (await upWith({ revokePreviousCredentials: "true" })).s3Credentials["api"]!;
    expect(after.accessKeyId).toBe(raised.accessKeyId);
    expect(await refusal(write("by the new"), before)).toBe("Unauthorized");
    expect(await refusal(write("by the new"), after)).toBe("none");
  }, 480_000);

  test("groundwork destroy names the buckets that hold objects, how many, and the next command; nothing in them is lost", async () => {
    const program = join(projectRoot(), "bin", "groundwork.js");
    const { code, stderr } = await inSandbox(
      `exec '${process.execPath}' '${program}' destroy -s staging --directory '${directory}'`,
    );
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /hold objects.*audio-staging \(3 objects\).*next: .*aws s3 rm s3:\/\/audio-staging --recursive --endpoint-url http/s,
      ) as unknown,
    });
    expect(stderr).toMatch(/images-staging \(1 object\)/);
    const listed = await cloudflare().r2.buckets.objects.list(Bucket, { account_id });
    expect(listed.result.map(({ key }) => key)).toEqual(["a", "by both", "by the new"]);
  }, 240_000);
}
