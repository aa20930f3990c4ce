import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { accountId } from "../cloudflare/support";
import { type Keys, StorageWorld } from "./support";

const Bucket = "uploads";
const origin = "https://example.com";
let world: StorageWorld;
let s3: S3Client;
let keys: Keys;
let clock: Date | undefined;

beforeAll(async () => {
  world = await StorageWorld.start({ now: () => clock ?? new Date() });
  await world.bucket(Bucket);
  keys = await world.keys({ [Bucket]: "write" });
  s3 = world.client(keys);
  await world.bench.client.r2.buckets.cors.update(Bucket, {
    account_id: accountId,
    rules: [
      {
        allowed: { origins: [origin], methods: ["GET", "PUT"], headers: ["content-type", "x-amz-meta-*"] },
        exposeHeaders: ["ETag"],
        maxAgeSeconds: 600,
      },
      { allowed: { origins: ["*"], methods: ["HEAD"] } },
    ],
  });
}, 60_000);
afterEach(() => {
  clock = undefined;
});
afterAll(() => world.close());

const codeOf = async (answer: Response) => /<Code>(.*?)<\/Code>/.exec(await answer.text())?.[1];

/** For addresses that are signed before there is a body: else the SDK signs the checksum of an empty one into them. */
const unsummed = () => world.client(keys, { requestChecksumCalculation: "WHEN_REQUIRED" });

describe("presigned addresses", () => {
  test("put and get without keys, for what was signed only", async () => {
    const put = await getSignedUrl(
      unsummed(),
      new PutObjectCommand({ Bucket, Key: "a b/ü.txt", ContentType: "text/plain" }),
      {
        expiresIn: 600,
        signableHeaders: new Set(["content-type"]),
      },
    );
    const headers = { "content-type": "text/plain" };
    expect((await fetch(put, { method: "PUT", body: "hello", headers })).status).toBe(200);
    const wrongType = await fetch(put, {
      method: "PUT",
      body: "<b>",
      headers: { "content-type": "text/html" },
    });
    expect([wrongType.status, await codeOf(wrongType)]).toEqual([403, "SignatureDoesNotMatch"]);
    const get = await getSignedUrl(
      s3,
      new GetObjectCommand({
        Bucket,
        Key: "a b/ü.txt",
        ResponseContentDisposition: 'attachment; filename="x.txt"',
        ResponseContentType: "text/markdown",
      }),
    );
    const answer = await fetch(get);
    expect(await answer.text()).toBe("hello");
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="x.txt"');
    expect(answer.headers.get("content-type")).toBe("text/markdown");
    const range = await fetch(get, { headers: { range: "bytes=1-2" } });
    expect([range.status, await range.text()]).toEqual([206, "el"]);
  });

  test("with the checksum that the SDK signs in by itself: another body than none is refused, as R2 does", async () => {
    const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "summed" }));
    const answer = await fetch(put, { method: "PUT", body: "not empty" });
    expect([answer.status, await codeOf(answer)]).toEqual([400, "BadDigest"]);
    expect((await fetch(put, { method: "PUT" })).status).toBe(200);
  });

  test("not after their time, not with another key, method or lifetime", async () => {
    const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "a b/ü.txt" }), {
      expiresIn: 3600,
    });
    const refusals = async (address: string, init?: RequestInit) => {
      const answer = await fetch(address, init);
      return [answer.status, await codeOf(answer)];
    };
    expect(await refusals(get.replace("%C3%BC", "o"))).toEqual([403, "SignatureDoesNotMatch"]);
    expect(await refusals(get.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"))).toEqual([
      403,
      "SignatureDoesNotMatch",
    ]);
    expect(await refusals(get, { method: "DELETE" })).toEqual([403, "SignatureDoesNotMatch"]);
    expect(await refusals(get.replace("X-Amz-Expires=3600", "X-Amz-Expires=604801"))).toEqual([
      400,
      "InvalidArgument",
    ]);
    clock = new Date(Date.now() + 30 * 60_000);
    expect((await fetch(get)).status).toBe(200);
    clock = new Date(Date.now() + 61 * 60_000);
    expect(await refusals(get)).toEqual([403, "ExpiredRequest"]);
  });
});

describe("pages of other origins", () => {
  const preflight = (from: string, method: string, headers?: string) =>
    fetch(`${world.storage.url}/${Bucket}/any`, {
      method: "OPTIONS",
      headers: {
        origin: from,
        "access-control-request-method": method,
        ...(headers === undefined ? {} : { "access-control-request-headers": headers }),
      },
    });

  test("a preflight is answered by the bucket's rules", async () => {
    const answer = await preflight(origin, "PUT", "Content-Type,x-amz-meta-a");
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, PUT",
      "access-control-allow-headers": "content-type, x-amz-meta-a",
      "access-control-expose-headers": "ETag",
      "access-control-max-age": "600",
      vary: expect.stringContaining("Origin") as string,
    });
    expect(
      (await preflight("https://anybody.example", "HEAD")).headers.get("access-control-allow-origin"),
    ).toBe("*");
  });

  test.each([
    ["another origin", "https://other.example", "PUT", undefined],
    ["another method", origin, "DELETE", undefined],
    ["another header", origin, "PUT", "x-secret"],
  ])("%s is refused", async (_what, from, method, headers) => {
    const answer = await preflight(from, method, headers);
    expect([answer.status, await codeOf(answer)]).toEqual([403, "AccessDenied"]);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("the answer itself lets the page read it, and no other page", async () => {
    const put = await getSignedUrl(unsummed(), new PutObjectCommand({ Bucket, Key: "cors" }));
    const from = (name: string) => fetch(put, { method: "PUT", body: "x", headers: { origin: name } });
    const answer = await from(origin);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-expose-headers": "ETag",
    });
    const other = await from("https://other.example");
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([200, null]);
  });
});
