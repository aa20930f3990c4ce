import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Variables } from "../passphrase";
import { readProjectFile } from "../yaml-file";
import { type BucketAddress, bucketAddress, bucketStore } from "./bucket-store";
import { folderStore, type StateStore } from "./state-store";

/** Where stacks are kept. `bucket`: S3 and what is like it. `cloud`: Pulumi Cloud, or a server like it. */
export interface Backend {
  readonly kind: "file" | "bucket" | "cloud" | "none";
  /** Without credentials. */
  readonly url: string;
  /** The folder of a file backend, absolute. */
  readonly folder?: string;
  /** Of a backend in S3 or what speaks S3. */
  readonly bucket?: BucketAddress;
}

/**
 * Where a project's stacks are kept, found as the engine finds it, without starting it: PULUMI_BACKEND_URL, else
 * `backend.url` of Pulumi.yaml, else where `pulumi login` went.
 */
export function backendOf(directory: string, variables: Variables): Backend {
  const url =
    variables["PULUMI_BACKEND_URL"] || urlOfProject(directory) || urlOfLogin(variables["PULUMI_HOME"]);
  if (url === undefined) return { kind: "none", url: "" };
  if (/^https?:/.test(url)) return { kind: "cloud", url: withoutCredentials(url) };
  if (!url.startsWith("file://")) {
    const bucket = bucketAddress(url, variables);
    return { kind: "bucket", url: withoutCredentials(url), ...(bucket === undefined ? {} : { bucket }) };
  }
  const [path = ""] = url.slice("file://".length).split("?");
  const folder = path.startsWith("~") ? join(homedir(), path.slice(1)) : resolve(directory, path);
  return { kind: "file", url, folder };
}

/** The backend's files, where they can be read without the engine: of a folder and of S3. */
export function storeOf({ folder, bucket }: Backend, variables: Variables): StateStore | undefined {
  if (folder !== undefined) return folderStore(folder);
  return bucket === undefined ? undefined : bucketStore(bucket, variables);
}

function urlOfProject(directory: string): string | undefined {
  const file = join(directory, "Pulumi.yaml");
  return existsSync(file) ? readProjectFile(file).backend?.url : undefined;
}

function urlOfLogin(home = join(homedir(), ".pulumi")): string | undefined {
  try {
    const { current } = JSON.parse(readFileSync(join(home, "credentials.json"), "utf8")) as {
      current?: string;
    };
    return current === "" ? undefined : current;
  } catch {
    return undefined;
  }
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}
