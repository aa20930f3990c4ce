import { createHash, createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { runProgram } from "../../support/command";
import { hash, type Keys, refusalOf, StorageWorld } from "./support";

const Bucket = "audio-staging";
let world: StorageWorld;
let keys: Keys;
let clock: Date | undefined;

beforeAll(async () => {
  world = await StorageWorld.start({ now: () => clock ?? new Date() });
  await world.bucket(Bucket);
  keys = await world.keys({ [Bucket]: "write" });
}, 60_000);
afterEach(() => {
  clock = undefined;
});
afterAll(() => world.close());

const put = (credentials: Keys, Key: string) =>
  world.client(credentials).send(new PutObjectCommand({ Bucket, Key, Body: "x" }));

async function isThere(Key: string): Promise<boolean> {
  const { status } = await refusalOf(
    world
      .client(keys)
      .send(new HeadObjectCommand({ Bucket, Key }))
      .then(() => Promise.reject(Object.assign(new Error(), { $metadata: { httpStatusCode: 200 } }))),
  );
  return status === 200;
}

test("a wrong secret, a key that does not exist, a token's value in the place of its hash", async () => {
  const other = await world.keys({ [Bucket]: "write" });
  const wrong = { ...keys, secretAccessKey: other.secretAccessKey };
  expect(await refusalOf(put(wrong, "wrong"))).toEqual({ code: "SignatureDoesNotMatch", status: 403 });
  const unknown = { ...keys, accessKeyId: hash("no such key").slice(0, 32) };
  expect(await refusalOf(put(unknown, "wrong"))).toEqual({ code: "Unauthorized", status: 401 });
  const value = { ...(await world.ownKeys()), secretAccessKey: world.bench.apiToken };
  expect(await refusalOf(put(value, "wrong"))).toEqual({ code: "SignatureDoesNotMatch", status: 403 });
  expect(await isThere("wrong")).toBe(false);
});

test("a request without a signature, as XML", async () => {
  const answer = await fetch(`${world.storage.url}/${Bucket}/anything`);
  expect(answer.status).toBe(401);
  expect(answer.headers.get("content-type")).toBe("application/xml");
  expect(await answer.text()).toBe(
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>Unauthorized</Code><Message>Unauthorized</Message></Error>',
  );
});

test("a token that is deleted, disabled or over is no key any more", async () => {
  const account_id = "000000000000000000000000000000a1";
  const tokens = world.bench.client.accounts.tokens;
  const gone = await world.keys({ [Bucket]: "write" });
  await put(gone, "token");
  await tokens.delete(gone.accessKeyId, { account_id });
  expect(await refusalOf(put(gone, "token"))).toEqual({ code: "Unauthorized", status: 401 });
  const off = await world.keys({ [Bucket]: "write" });
  const { name, policies } = await tokens.get(off.accessKeyId, { account_id });
  const again = policies!.map(({ effect, permission_groups, resources }) => ({
    effect,
    permission_groups: permission_groups.map(({ id }) => ({ id })),
    resources,
  }));
  await tokens.update(off.accessKeyId, { account_id, name: name!, policies: again, status: "disabled" });
  expect(await refusalOf(put(off, "token"))).toEqual({ code: "Unauthorized", status: 401 });
});

test("a clock that is off by more than 15 minutes", async () => {
  clock = new Date(Date.now() + 16 * 60_000);
  // The SDK would learn the server's time from the refusal, and try again.
  expect(await refusalOf(put(keys, "late"))).toEqual({ code: "RequestTimeTooSkewed", status: 403 });
  clock = new Date(Date.now() - 14 * 60_000);
  await put(keys, "late");
});

test("curl signs by itself", async () => {
  const file = join(world.bench.folder, "curl");
  writeFileSync(file, `user = "${keys.accessKeyId}:${keys.secretAccessKey}"\n`, { mode: 0o600 });
  const words = (...more: string[]) => [
    "-sS",
    "--aws-sigv4",
    "aws:amz:auto:s3",
    "--config",
    file,
    ...more,
    `${world.storage.url}/${Bucket}/by%20curl?x-id=a%26b`,
  ];
  const header = ["-H", `x-amz-content-sha256: ${hash("from curl")}`];
  await runProgram("curl", words("-X", "PUT", ...header, "--data-binary", "from curl"));
  const { Body } = await world.client(keys).send(new GetObjectCommand({ Bucket, Key: "by curl" }));
  expect(await Body!.transformToString()).toBe("from curl");
});

describe("what is tampered with on the way", () => {
  /** Signs as S3's description says, apart from the code under test. */
  function signed(
    path: string,
    payload: string,
    extra: Record<string, string> = {},
  ): {
    headers: Record<string, string>;
    sign: (text: string) => string;
    time: string;
    scope: string;
    seed: string;
  } {
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const date = time.slice(0, 8);
    const scope = `${date}/auto/s3/aws4_request`;
    const all: Record<string, string> = {
      host: new URL(world.storage.url).host,
      "x-amz-content-sha256": payload,
      "x-amz-date": time,
      ...extra,
    };
    const names = Object.keys(all).sort();
    const canonical = [
      "PUT",
      path,
      "",
      ...names.map((name) => `${name}:${all[name]!}`),
      "",
      names.join(";"),
      payload,
    ].join("\n");
    const step = (key: Buffer | string, text: string) => createHmac("sha256", key).update(text).digest();
    const key = ["auto", "s3", "aws4_request"].reduce(step, step(`AWS4${keys.secretAccessKey}`, date));
    const sign = (text: string) => step(key, text).toString("hex");
    const seed = sign(["AWS4-HMAC-SHA256", time, scope, hash(canonical)].join("\n"));
    const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${seed}`;
    return { headers: { ...all, authorization }, sign, time, scope, seed };
  }

  async function send(
    path: string,
    headers: Record<string, string>,
    body: string | Uint8Array<ArrayBuffer>,
  ): Promise<{ status: number; code: string | undefined }> {
    const { host: _host, ...rest } = headers;
    const answer = await fetch(`${world.storage.url}${path}`, { method: "PUT", headers: rest, body });
    return { status: answer.status, code: /<Code>(.*?)<\/Code>/.exec(await answer.text())?.[1] };
  }

  const path = `/${Bucket}/tampered`;

  test("a body that is not the signed one leaves the object as it was", async () => {
    const { headers } = signed(path, hash("mine"));
    expect(await send(path, headers, "mine")).toEqual({ status: 200, code: undefined });
    expect(await send(path, headers, "hers")).toEqual({ status: 400, code: "XAmzContentSHA256Mismatch" });
    const { Body } = await world.client(keys).send(new GetObjectCommand({ Bucket, Key: "tampered" }));
    expect(await Body!.transformToString()).toBe("mine");
  });

  test("another path, a header more, a header other than signed", async () => {
    const { headers } = signed(path, hash("mine"), { "x-amz-meta-a": "1" });
    const wrong = { status: 403, code: "SignatureDoesNotMatch" };
    expect(await send(`${path}2`, headers, "mine")).toEqual(wrong);
    expect(await send(`${path}?x=1`, headers, "mine")).toEqual(wrong);
    expect(await send(path, { ...headers, "x-amz-meta-a": "2" }, "mine")).toEqual(wrong);
    expect(await send(path, { ...headers, "x-amz-meta-b": "2" }, "mine")).toEqual({
      status: 403,
      code: "AccessDenied",
    });
    expect(await send(path, headers, "mine")).toMatchObject({ status: 200 });
  });

  test("MD5 and checksums that do not fit, or are none", async () => {
    const md5 = (text: string) => createHash("md5").update(text).digest("base64");
    const one = signed(path, "UNSIGNED-PAYLOAD", { "content-md5": md5("mine") }).headers;
    expect(await send(path, one, "mine")).toMatchObject({ status: 200 });
    expect(await send(path, one, "hers")).toEqual({ status: 400, code: "BadDigest" });
    const sha = createHash("sha256").update("mine").digest("base64");
    const two = signed(path, "UNSIGNED-PAYLOAD", { "x-amz-checksum-sha256": sha }).headers;
    expect(await send(path, two, "mine")).toMatchObject({ status: 200 });
    expect(await send(path, two, "hers")).toEqual({ status: 400, code: "BadDigest" });
    const three = signed(path, "UNSIGNED-PAYLOAD", { "x-amz-checksum-sha256": "short" }).headers;
    expect(await send(path, three, "mine")).toEqual({ status: 400, code: "InvalidRequest" });
  });

  /** Chunks, each with its signature over the one before, then trailing headers with theirs. */
  function chunked(contents: readonly string[], trailer: string | undefined) {
    const payload = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer === undefined ? "" : "-TRAILER"}`;
    const { headers, sign, time, scope, seed } = signed(path, payload, {
      "x-amz-decoded-content-length": String(contents.join("").length),
      ...(trailer === undefined ? {} : { "x-amz-trailer": trailer.split(":")[0]! }),
    });
    let previous = seed;
    let body = "";
    for (const content of [...contents, ""]) {
      previous = sign(
        ["AWS4-HMAC-SHA256-PAYLOAD", time, scope, previous, hash(""), hash(content)].join("\n"),
      );
      body += `${content.length.toString(16)};chunk-signature=${previous}\r\n`;
      if (content !== "") body += `${content}\r\n`;
    }
    if (trailer === undefined) return { headers, body: `${body}\r\n` };
    const last = sign(["AWS4-HMAC-SHA256-TRAILER", time, scope, previous, hash(`${trailer}\n`)].join("\n"));
    return { headers, body: `${body}${trailer}\r\nx-amz-trailer-signature:${last}\r\n\r\n` };
  }

  test("chunks that are signed one after the other, with and without a trailer", async () => {
    const contents = ["one ".repeat(5000), "two ".repeat(3000)];
    const plain = chunked(contents, undefined);
    expect(await send(path, plain.headers, plain.body)).toEqual({ status: 200, code: undefined });
    const { Body } = await world.client(keys).send(new GetObjectCommand({ Bucket, Key: "tampered" }));
    expect(await Body!.transformToString()).toBe(contents.join(""));
    expect(await send(path, plain.headers, plain.body.replace("two ", "TWO "))).toEqual({
      status: 403,
      code: "SignatureDoesNotMatch",
    });
    const sum = createHash("sha256").update(contents.join("")).digest("base64");
    const trailed = chunked(contents, `x-amz-checksum-sha256:${sum}`);
    expect(await send(path, trailed.headers, trailed.body)).toEqual({ status: 200, code: undefined });
    const changed = (from: string, to: string) => trailed.body.replace(from, to);
    const wrong = { status: 403, code: "SignatureDoesNotMatch" };
    expect(await send(path, trailed.headers, changed("two ", "TWO "))).toEqual(wrong);
    expect(await send(path, trailed.headers, changed(sum, hash("x").slice(0, 43) + "="))).toEqual(wrong);
    expect(await send(path, trailed.headers, trailed.body.slice(0, 30_000))).toEqual({
      status: 400,
      code: "IncompleteBody",
    });
    const false_ = chunked(
      contents,
      `x-amz-checksum-sha256:${createHash("sha256").update("x").digest("base64")}`,
    );
    expect(await send(path, false_.headers, false_.body)).toEqual({ status: 400, code: "BadDigest" });
  });
});
