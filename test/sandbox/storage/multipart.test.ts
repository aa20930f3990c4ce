import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { elements, parseXml } from "../../../sandbox/storage/xml";
import { refusalOf, StorageWorld } from "./support";

const Bucket = "media";
const MiB = 1024 * 1024;
let world: StorageWorld;
let s3: S3Client;

beforeAll(async () => {
  world = await StorageWorld.start();
  await world.bucket(Bucket);
  s3 = world.client(await world.keys({ [Bucket]: "write" }));
}, 60_000);
afterAll(() => world.close());

async function begin(Key: string): Promise<{ Bucket: string; Key: string; UploadId: string }> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  return { Bucket, Key, UploadId: UploadId! };
}

async function part(upload: object, PartNumber: number, Body: Uint8Array) {
  const request = { ...(upload as { Bucket: string; Key: string; UploadId: string }), PartNumber, Body };
  const { ETag } = await s3.send(new UploadPartCommand(request));
  return { PartNumber, ETag };
}

async function bytesOf(Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from(await Body!.transformToByteArray());
}

test("a body as Go's clients write it, with numbered quotes, is read as it was meant", () => {
  const part = "<Part><PartNumber>1</PartNumber><ETag>&#34;0a1b&#x22; &amp;#34;</ETag></Part>";
  const [read] = elements(
    parseXml(`<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`, "CompleteMultipartUpload"),
    "Part",
  );
  expect(read).toEqual({ PartNumber: "1", ETag: '"0a1b" &#34;' });
});

test("the SDK's upload of a stream of unknown length: parts at once, one object with its metadata", async () => {
  const body = randomBytes(12 * MiB + 5);
  const upload = new Upload({
    client: s3,
    params: {
      Bucket,
      Key: "big",
      Body: Readable.from([body]),
      ContentType: "audio/flac",
      Metadata: { a: "b" },
    },
  });
  const done = await upload.done();
  expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
  expect((await bytesOf("big")).equals(body)).toBe(true);
  expect(await s3.send(new HeadObjectCommand({ Bucket, Key: "big" }))).toMatchObject({
    ContentLength: body.length,
    ContentType: "audio/flac",
    ETag: done.ETag,
    Metadata: { a: "b" },
  });
  const range = await s3.send(
    new GetObjectCommand({ Bucket, Key: "big", Range: `bytes=${5 * MiB - 2}-${5 * MiB + 1}` }),
  );
  expect(Buffer.from(await range.Body!.transformToByteArray())).toEqual(
    body.subarray(5 * MiB - 2, 5 * MiB + 2),
  );
  expect((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
});

test("parts are listed, one of them is sent again, and an object comes of those that are named", async () => {
  const upload = await begin("by hand");
  const [one, two] = [randomBytes(5 * MiB), randomBytes(1000)];
  await part(upload, 1, randomBytes(5 * MiB));
  const first = await part(upload, 1, one);
  const second = await part(upload, 7, two);
  const listed = await s3.send(new ListPartsCommand(upload));
  expect(listed.Parts).toMatchObject([
    { PartNumber: 1, Size: 5 * MiB, ETag: first.ETag },
    { PartNumber: 7, Size: 1000, ETag: second.ETag },
  ]);
  const page = await s3.send(new ListPartsCommand({ ...upload, MaxParts: 1 }));
  expect(page).toMatchObject({ IsTruncated: true, NextPartNumberMarker: "1" });
  expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key: "by hand" })))).toMatchObject({
    status: 404,
  });
  await s3.send(
    new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [first, second] } }),
  );
  expect((await bytesOf("by hand")).equals(Buffer.concat([one, two]))).toBe(true);
  expect(await refusalOf(s3.send(new ListPartsCommand(upload)))).toEqual({
    code: "NoSuchUpload",
    status: 404,
  });
});

test("what cannot become an object: small parts, unequal ones, out of order, not there", async () => {
  const upload = await begin("refused");
  const complete = (...Parts: { PartNumber: number; ETag: string | undefined }[]) =>
    refusalOf(s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } })));
  const small = await part(upload, 1, randomBytes(1000));
  const large = await part(upload, 2, randomBytes(5 * MiB));
  const larger = await part(upload, 3, randomBytes(5 * MiB + 1));
  const last = await part(upload, 4, randomBytes(10));
  expect(await complete(small, large)).toEqual({ code: "EntityTooSmall", status: 400 });
  expect(await complete(large, larger, last)).toEqual({ code: "InvalidPart", status: 400 });
  expect(await complete(larger, large)).toEqual({ code: "InvalidPartOrder", status: 400 });
  expect(await complete(large, { PartNumber: 9, ETag: last.ETag })).toEqual({
    code: "InvalidPart",
    status: 400,
  });
  expect(await complete(large, { PartNumber: 4, ETag: large.ETag })).toEqual({
    code: "InvalidPart",
    status: 400,
  });
  await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [large, last] } }));
  expect((await bytesOf("refused")).length).toBe(5 * MiB + 10);
});

test("uploads are listed and aborted, and take nothing after that", async () => {
  const uploads = [await begin("open/1"), await begin("open/2"), await begin("other")];
  const listed = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "open/", MaxUploads: 1 }));
  expect(listed).toMatchObject({
    IsTruncated: true,
    Uploads: [{ Key: "open/1", UploadId: uploads[0]!.UploadId }],
  });
  const more = await s3.send(
    new ListMultipartUploadsCommand({
      Bucket,
      Prefix: "open/",
      KeyMarker: listed.NextKeyMarker,
      UploadIdMarker: listed.NextUploadIdMarker,
    }),
  );
  expect(more).toMatchObject({ IsTruncated: false, Uploads: [{ Key: "open/2" }] });
  for (const upload of uploads) await s3.send(new AbortMultipartUploadCommand(upload));
  expect((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
  expect(await refusalOf(part(uploads[0]!, 1, randomBytes(10)))).toEqual({
    code: "NoSuchUpload",
    status: 404,
  });
});

test("parts can be copied from an object that is there", async () => {
  const source = randomBytes(5 * MiB + 100);
  await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: source }));
  const upload = await begin("copied");
  const copy = async (PartNumber: number, CopySourceRange: string) => {
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({ ...upload, PartNumber, CopySource: `${Bucket}/source`, CopySourceRange }),
    );
    return { PartNumber, ETag: CopyPartResult!.ETag };
  };
  const Parts = [await copy(1, `bytes=100-${5 * MiB + 99}`), await copy(2, "bytes=0-99")];
  await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
  const expected = Buffer.concat([source.subarray(100), source.subarray(0, 100)]);
  expect((await bytesOf("copied")).equals(expected)).toBe(true);
});
