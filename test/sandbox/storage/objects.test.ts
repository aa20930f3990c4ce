import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  ChecksumAlgorithm,
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { refusalOf, StorageWorld } from "./support";

const Bucket = "audio-staging";
let world: StorageWorld;
let s3: S3Client;

beforeAll(async () => {
  world = await StorageWorld.start();
  await world.bucket(Bucket);
  s3 = world.client(await world.keys({ [Bucket]: "write" }));
}, 60_000);
afterAll(() => world.close());

async function textOf(Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Body!.transformToString();
}

test("an object comes back as it was put, with all that was said of it", async () => {
  const put = await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "songs/ä b+c%.mp3",
      Body: "la la",
      ContentType: "audio/mpeg",
      CacheControl: "max-age=60",
      ContentDisposition: 'attachment; filename="a.mp3"',
      ContentLanguage: "de",
      Metadata: { artist: "somebody", Year: "1999" },
    }),
  );
  expect(put).toMatchObject({ ETag: `"${createHash("md5").update("la la").digest("hex")}"` });
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "songs/ä b+c%.mp3" }));
  expect(got).toMatchObject({
    ContentLength: 5,
    ContentType: "audio/mpeg",
    CacheControl: "max-age=60",
    ContentDisposition: 'attachment; filename="a.mp3"',
    ContentLanguage: "de",
    ETag: put.ETag,
    AcceptRanges: "bytes",
    Metadata: { artist: "somebody", year: "1999" },
    // The SDK sums every body by itself, and asks for the sum to check it.
    ChecksumCRC32: put.ChecksumCRC32,
  });
  expect(put.ChecksumCRC32).toMatch(/^.{6}==$/);
  expect(await got.Body!.transformToString()).toBe("la la");
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "songs/ä b+c%.mp3" }));
  expect(head).toMatchObject({ ContentLength: 5, ETag: put.ETag, Metadata: { artist: "somebody" } });
  expect(Date.now() - head.LastModified!.getTime()).toBeLessThan(600_000);
});

test("a stream of unknown content arrives whole, by chunks with a checksum behind them", async () => {
  const body = randomBytes(3 * 1024 * 1024 + 17);
  const pieces = [0, 1, 70_000, body.length].map((start, index, all) =>
    body.subarray(all[index - 1] ?? 0, start),
  );
  await s3.send(
    new PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from(pieces), ContentLength: body.length }),
  );
  const { Body, ContentEncoding } = await s3.send(new GetObjectCommand({ Bucket, Key: "stream" }));
  expect(body.equals(Buffer.from(await Body!.transformToByteArray()))).toBe(true);
  expect(ContentEncoding).toBeUndefined();
});

test.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
  "a checksum by %s is kept",
  async (algorithm) => {
    const ChecksumAlgorithm_ = ChecksumAlgorithm[algorithm];
    await s3.send(
      new PutObjectCommand({ Bucket, Key: algorithm, Body: "abc", ChecksumAlgorithm: ChecksumAlgorithm_ }),
    );
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: algorithm, ChecksumMode: "ENABLED" }));
    expect(await got.Body!.transformToString()).toBe("abc");
    expect((got as unknown as Record<string, string>)[`Checksum${algorithm}`]).toMatch(/=$/);
  },
);

test("an empty object, and one that takes another's place", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "place", Body: new Uint8Array() }));
  expect(await textOf("place")).toBe("");
  await s3.send(new PutObjectCommand({ Bucket, Key: "place", Body: "second" }));
  expect(await textOf("place")).toBe("second");
});

test.each([
  ["bytes=0-2", "abc", "bytes 0-2/6"],
  ["bytes=4-", "ef", "bytes 4-5/6"],
  ["bytes=-1", "f", "bytes 5-5/6"],
])("a range %s", async (Range, text, ContentRange) => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "range", Body: "abcdef" }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "range", Range }));
  expect(got).toMatchObject({ ContentRange, ContentLength: text.length, $metadata: { httpStatusCode: 206 } });
  expect(await got.Body!.transformToString()).toBe(text);
});

test("a range beyond the end is refused", async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "short", Body: "abc" }));
  expect(await refusalOf(s3.send(new GetObjectCommand({ Bucket, Key: "short", Range: "bytes=3-" })))).toEqual(
    {
      code: "InvalidRange",
      status: 416,
    },
  );
});

test("conditions of reading", async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "if", Body: "abc" }));
  const get = (condition: object) => s3.send(new GetObjectCommand({ Bucket, Key: "if", ...condition }));
  const before = new Date(Date.now() - 3_600_000);
  const after = new Date(Date.now() + 3_600_000);
  expect((await get({ IfMatch: ETag })).ContentLength).toBe(3);
  expect((await get({ IfNoneMatch: '"other"' })).ContentLength).toBe(3);
  expect((await get({ IfModifiedSince: before })).ContentLength).toBe(3);
  expect((await get({ IfUnmodifiedSince: after })).ContentLength).toBe(3);
  expect(await refusalOf(get({ IfMatch: '"other"' }))).toEqual({ code: "PreconditionFailed", status: 412 });
  expect(await refusalOf(get({ IfUnmodifiedSince: before }))).toMatchObject({ status: 412 });
  expect(await refusalOf(get({ IfNoneMatch: ETag }))).toMatchObject({ status: 304 });
  expect(await refusalOf(get({ IfModifiedSince: after }))).toMatchObject({ status: 304 });
});

test("conditions of writing: only where nothing is, only over what was read", async () => {
  const put = (condition: object, Body = "x") =>
    s3.send(new PutObjectCommand({ Bucket, Key: "once", Body, ...condition }));
  expect(await refusalOf(put({ IfMatch: '"any"' }))).toEqual({ code: "PreconditionFailed", status: 412 });
  const { ETag } = await put({ IfNoneMatch: "*" }, "first");
  expect(await refusalOf(put({ IfNoneMatch: "*" }))).toEqual({ code: "PreconditionFailed", status: 412 });
  expect(await refusalOf(put({ IfMatch: '"other"' }))).toMatchObject({ status: 412 });
  expect(await textOf("once")).toBe("first");
  await put({ IfMatch: ETag }, "second");
  expect(await textOf("once")).toBe("second");
});

test("what is not there", async () => {
  expect(await refusalOf(s3.send(new GetObjectCommand({ Bucket, Key: "none" })))).toEqual({
    code: "NoSuchKey",
    status: 404,
  });
  expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key: "none" })))).toMatchObject({
    status: 404,
  });
  expect(await refusalOf(s3.send(new HeadBucketCommand({ Bucket: "other-bucket" })))).toMatchObject({
    status: 403,
  });
  const own = world.client(await world.ownKeys());
  expect(await refusalOf(own.send(new HeadBucketCommand({ Bucket: "other-bucket" })))).toMatchObject({
    status: 404,
  });
  expect(
    await refusalOf(own.send(new PutObjectCommand({ Bucket: "other-bucket", Key: "a", Body: "b" }))),
  ).toEqual({ code: "NoSuchBucket", status: 404 });
});

test("objects are deleted, one and many; what is not there is deleted already", async () => {
  for (const Key of ["d/1", "d/2", "d/3 & <4>", "d/5\n'6'"])
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "d/1" }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "d/1" }));
  const { Deleted } = await s3.send(
    new DeleteObjectsCommand({
      Bucket,
      Delete: { Objects: [{ Key: "d/2" }, { Key: "d/3 & <4>" }, { Key: "d/5\n'6'" }, { Key: "d/none" }] },
    }),
  );
  expect(Deleted).toEqual([{ Key: "d/2" }, { Key: "d/3 & <4>" }, { Key: "d/5\n'6'" }, { Key: "d/none" }]);
  for (const Key of ["d/1", "d/2", "d/3 & <4>", "d/5\n'6'"])
    expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
});

test("copies: with the metadata of the source, or with new ones", async () => {
  await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "from ü/1",
      Body: "copy me",
      ContentType: "text/plain",
      Metadata: { a: "1" },
    }),
  );
  const CopySource = `${Bucket}/${encodeURIComponent("from ü/1")}`;
  const { CopyObjectResult } = await s3.send(new CopyObjectCommand({ Bucket, Key: "to/1", CopySource }));
  expect(CopyObjectResult?.ETag).toMatch(/^"[0-9a-f]{32}"$/);
  const one = await s3.send(new GetObjectCommand({ Bucket, Key: "to/1" }));
  expect(one).toMatchObject({ ContentType: "text/plain", Metadata: { a: "1" } });
  expect(await one.Body!.transformToString()).toBe("copy me");
  await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: "to/2",
      CopySource,
      MetadataDirective: "REPLACE",
      ContentType: "text/html",
      Metadata: { b: "2" },
    }),
  );
  expect(await s3.send(new HeadObjectCommand({ Bucket, Key: "to/2" }))).toMatchObject({
    ContentType: "text/html",
    Metadata: { b: "2" },
  });
  expect(
    await refusalOf(s3.send(new CopyObjectCommand({ Bucket, Key: "to/3", CopySource: `${Bucket}/none` }))),
  ).toEqual({ code: "NoSuchKey", status: 404 });
});

test("the API does not delete a bucket that holds objects", async () => {
  await world.bucket("full");
  const own = world.client(await world.ownKeys());
  await own.send(new PutObjectCommand({ Bucket: "full", Key: "a", Body: "b" }));
  const path = `/accounts/000000000000000000000000000000a1/r2/buckets/full`;
  const refused = await world.bench.send("DELETE", path);
  expect({ status: refused.status, code: refused.body.errors[0]?.code }).toEqual({
    status: 409,
    code: 10008,
  });
  await own.send(
    new PutObjectCommand({ Bucket: "full", Key: "b/ü c", Body: "b", ContentType: "text/plain" }),
  );
  const { objects } = world.bench.client.r2.buckets;
  const account_id = "000000000000000000000000000000a1";
  const listed: unknown[] = [];
  for await (const object of objects.list("full", { account_id, per_page: 1 })) listed.push(object);
  expect(listed).toMatchObject([
    { key: "a", size: 1, storage_class: "Standard" },
    { key: "b/ü c", http_metadata: { contentType: "text/plain" } },
  ]);
  for (const key of ["a", "b/ü c"]) await objects.delete(key, { account_id, bucket_name: "full" });
  await expect(objects.delete("a", { account_id, bucket_name: "full" })).rejects.toMatchObject({
    status: 404,
  });
  expect((await world.bench.send("DELETE", path)).status).toBe(200);
});
