import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { cacheDirectory } from "../../common/cache";

/** The emulator of AWS that nobody here wrote. */
const version = "5.2.5";

/** Its Python, in the cache; installed there by pip the first time. A text says why it cannot be had. */
export function findMoto(): { readonly python: string } | { readonly problem: string } {
  const folder = join(cacheDirectory(), "python", `moto-${version}`);
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  const staging = `${folder}.${process.pid}.staging`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    for (const [program, ...words] of [
      ["python3", "-m", "venv", staging],
      [join(staging, "bin", "python"), "-m", "pip", "install", "--quiet", `moto[server]==${version}`],
    ] as const) {
      const { status, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
      if (status === 0) continue;
      const last = (stderr ?? "").trim().split("\n").at(-1) ?? "";
      return { problem: `moto ${version} (${program} ${words[1]}): ${error?.message ?? last}` };
    }
    // Another process may have been first.
    if (!existsSync(python)) renameSync(staging, folder);
    return { python };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Keys that AWS gave. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A running emulator that checks signatures and policies. */
export interface Moto {
  readonly endpoint: string;
  readonly region: string;
  /** May do anything with secrets. */
  readonly keys: AwsKeys;
  /** A role's keys, with a session token; may do `action` with secrets only. */
  role(name: string, action: string): Promise<AwsKeys>;
  close(): Promise<void>;
}

/** Starts it on a port of its own. */
export async function startMoto(python: string): Promise<Moto> {
  const region = "eu-central-1";
  const server = spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    const endpoint = await announced(server);
    const policy = (action: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: `secretsmanager:${action}`, Resource: "*" }],
      });
    const enforce = async (on: boolean): Promise<void> => {
      await fetch(`${endpoint}/moto-api/reset-auth`, { method: "POST", body: on ? "0" : "Infinity" });
    };
    const ask = async (service: string, action: string, input: Record<string, string>): Promise<string> => {
      const answer = await fetch(endpoint, {
        method: "POST",
        headers: {
          // Which service is meant stands in the scope of the signature.
          authorization: `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=x`,
        },
        body: new URLSearchParams({ Action: action, ...input }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${action}: ${text}`);
      return text;
    };
    const found = (text: string, name: string) => new RegExp(`<${name}>([^<]+)<`).exec(text)?.[1] ?? "";
    const UserName = "deployer";
    await ask("iam", "CreateUser", { UserName });
    await ask("iam", "PutUserPolicy", { UserName, PolicyName: "all", PolicyDocument: policy("*") });
    const key = await ask("iam", "CreateAccessKey", { UserName });
    await enforce(true);
    return {
      endpoint,
      region,
      keys: { accessKeyId: found(key, "AccessKeyId"), secretAccessKey: found(key, "SecretAccessKey") },
      async role(RoleName, action) {
        await enforce(false);
        const made = await ask("iam", "CreateRole", { RoleName, AssumeRolePolicyDocument: "{}" });
        await ask("iam", "PutRolePolicy", { RoleName, PolicyName: "own", PolicyDocument: policy(action) });
        const assumed = await ask("sts", "AssumeRole", {
          RoleArn: found(made, "Arn"),
          RoleSessionName: "host",
        });
        await enforce(true);
        return {
          accessKeyId: found(assumed, "AccessKeyId"),
          secretAccessKey: found(assumed, "SecretAccessKey"),
          sessionToken: found(assumed, "SessionToken"),
        };
      },
      close: () => ended(server),
    };
  } catch (error) {
    await ended(server);
    throw error;
  }
}

function announced(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let told = "";
    const hear = (chunk: Buffer): void => {
      told += chunk.toString("utf8");
      const address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(told)?.[1];
      if (address !== undefined) resolve(address);
    };
    server.stdout?.on("data", hear);
    server.stderr?.on("data", hear);
    server.once("error", reject);
    server.once("close", () => reject(new Error(`moto has ended: ${told}`)));
  });
}

function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    server.once("close", () => resolve());
    server.kill("SIGKILL");
  });
}

/** What tells an instance's role: IMDSv2, which answers only with a token that was asked for by PUT. */
export async function startInstanceMetadata(
  role: string,
  keys: AwsKeys,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const session = Math.random().toString(36).slice(2);
  const server: Server = createServer((request, response) => {
    if (request.method === "PUT" && request.url === "/latest/api/token") {
      response.writeHead(request.headers["x-aws-ec2-metadata-token-ttl-seconds"] === undefined ? 400 : 200);
      return response.end(session);
    }
    if (request.headers["x-aws-ec2-metadata-token"] !== session) return response.writeHead(401).end();
    const base = "/latest/meta-data/iam/security-credentials/";
    if (request.url === base) return response.end(`${role}\n`);
    if (request.url !== `${base}${role}`) return response.writeHead(404).end();
    const { accessKeyId, secretAccessKey, sessionToken } = keys;
    return response.end(
      JSON.stringify(
        {
          Code: "Success",
          Type: "AWS-HMAC",
          AccessKeyId: accessKeyId,
          SecretAccessKey: secretAccessKey,
          Token: sessionToken,
        },
        undefined,
        2,
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
