import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { BucketFiles } from "../../../sandbox/storage/bucket-files";

const folder = mkdtempSync(join(tmpdir(), "groundwork-storage-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the same few keys over and over, and says what it has acknowledged. */
const writer = `
import { createHash, randomBytes } from "node:crypto";
import { BucketFiles } from "./sandbox/storage/bucket-files";
const files = new BucketFiles(process.argv[2]!);
const loop = async () => {
  for (let round = 0; ; round++) {
    const bytes = randomBytes(200_000 + (round % 7) * 10_000);
    const etag = createHash("md5").update(bytes).digest("hex");
    const key = "key-" + (round % 3);
    const { data } = await files.stage(async (append) => {
      await append(bytes.subarray(0, 100_000));
      await append(bytes.subarray(100_000));
      return {};
    });
    process.stdout.write("put " + key + " " + etag + "\\n");
    files.put({ key, data, size: bytes.length, etag, modified: new Date().toISOString(), storageClass: "Standard", checksums: {}, standard: {}, custom: {} });
    process.stdout.write("done " + key + " " + etag + "\\n");
    if (round % 5 === 4) files.begin({ id: randomBytes(8).toString("hex"), key: "u", begun: "", storageClass: "Standard", standard: {}, custom: {} });
  }
};
void loop();
`;

test("killed at any moment, each object is whole: the last acknowledged one, or the one that was being put", async () => {
  const program = join(folder, "writer.js");
  await build({
    stdin: { contents: writer, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    platform: "node",
    outfile: program,
    logLevel: "error",
  });
  const bucket = join(folder, "bucket");
  let held = 0;
  const said = new Map<string, { done?: string | undefined; begun?: string | undefined }>();
  for (let kill = 0; kill < 8; kill++) {
    const child = spawn(process.execPath, [program, bucket], { stdio: ["ignore", "pipe", "inherit"] });
    const enough = 3 + kill * 2 + (randomBytes(1)[0]! % 3);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split("\n").filter((line) => line.startsWith("put")).length >= enough) child.kill("SIGKILL");
    });
    const [, signal] = (await once(child, "close")) as [number | null, string | null];
    expect(signal).toBe("SIGKILL");
    for (const line of text.split("\n").slice(0, -1)) {
      const [word, key = "", etag] = line.split(" ");
      if (word === "put") said.set(key, { ...said.get(key), begun: etag });
      else said.set(key, { done: etag });
    }
    const files = new BucketFiles(bucket);
    for (const [key, { done, begun }] of said) {
      const object = files.get(key);
      // Only what was never acknowledged may be missing.
      expect([done, begun]).toContain(object?.etag);
      if (object === undefined) continue;
      const hash = createHash("md5");
      for await (const piece of files.read(object)) hash.update(piece as Buffer);
      expect(hash.digest("hex")).toBe(object.etag);
      said.set(key, { done: object.etag });
      held++;
    }
    // What nobody names was removed when the folder was opened.
    expect(readdirSync(join(bucket, "data")).length).toBe(files.count);
  }
  expect(held).toBeGreaterThan(10);
}, 120_000);
