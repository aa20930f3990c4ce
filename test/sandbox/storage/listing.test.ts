import {
  DeleteObjectsCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { listPage } from "../../../sandbox/storage/list";
import { refusalOf, StorageWorld } from "./support";

const Bucket = "media";
let world: StorageWorld;
let s3: S3Client;

beforeAll(async () => {
  world = await StorageWorld.start();
  await world.bucket(Bucket);
  s3 = world.client(await world.keys({ [Bucket]: "write" }));
  const keys = ["a", "a/1", "a/2", "a/b/3", "b", "c/ä & <x>", "z\u{1F600}", "zﬀ"];
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
}, 60_000);
afterAll(() => world.close());

test("all of a bucket, in the order of the keys' bytes, with size, ETag and time", async () => {
  const listed = await s3.send(new ListObjectsV2Command({ Bucket }));
  expect(listed.Contents?.map(({ Key }) => Key)).toEqual([
    "a",
    "a/1",
    "a/2",
    "a/b/3",
    "b",
    "c/ä & <x>",
    "zﬀ",
    "z\u{1F600}",
  ]);
  expect(listed).toMatchObject({ Name: Bucket, KeyCount: 8, IsTruncated: false, MaxKeys: 1000 });
  const [first] = listed.Contents!;
  expect(first).toMatchObject({
    Size: 1,
    StorageClass: "STANDARD",
    ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
  });
  expect(first!.LastModified).toBeInstanceOf(Date);
});

test("folders: a prefix and a delimiter", async () => {
  const top = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
  expect(top.Contents?.map(({ Key }) => Key)).toEqual(["a", "b", "zﬀ", "z\u{1F600}"]);
  expect(top.CommonPrefixes).toEqual([{ Prefix: "a/" }, { Prefix: "c/" }]);
  const inside = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", Prefix: "a/" }));
  expect(inside.Contents?.map(({ Key }) => Key)).toEqual(["a/1", "a/2"]);
  expect(inside.CommonPrefixes).toEqual([{ Prefix: "a/b/" }]);
});

test("pages, by the SDK's paginator; from a key on; the older listing with its marker", async () => {
  const pages: (string | undefined)[][] = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket, Delimiter: "/" })) {
    pages.push([
      ...(page.Contents ?? []).map(({ Key }) => Key),
      ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
    ]);
  }
  expect(pages).toEqual([
    ["a", "b", "a/"],
    ["zﬀ", "z\u{1F600}", "c/"],
  ]);
  const after = await s3.send(new ListObjectsV2Command({ Bucket, StartAfter: "a/b/3", MaxKeys: 1 }));
  expect(after).toMatchObject({ StartAfter: "a/b/3", IsTruncated: true, Contents: [{ Key: "b" }] });
  const older = await s3.send(new ListObjectsCommand({ Bucket, Marker: "a/2", MaxKeys: 2 }));
  expect(older).toMatchObject({
    IsTruncated: true,
    NextMarker: "b",
    Contents: [{ Key: "a/b/3" }, { Key: "b" }],
  });
});

test("keys are percent-encoded where that is asked for", async () => {
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "c/", EncodingType: "url" }));
  expect(listed.Contents?.map(({ Key }) => Key)).toEqual(["c/%C3%A4%20%26%20%3Cx%3E"]);
  expect(listed.Prefix).toBe("c/");
});

test("an empty bucket, and limits", async () => {
  await world.bucket("empty");
  const own = world.client(await world.ownKeys());
  const listed = await own.send(new ListObjectsV2Command({ Bucket: "empty" }));
  expect(listed).toMatchObject({ KeyCount: 0, IsTruncated: false });
  expect(listed.Contents).toBeUndefined();
  expect((await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }))).IsTruncated).toBe(false);
  expect(await refusalOf(s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: -1 })))).toMatchObject({
    status: 400,
  });
  const many = Array.from({ length: 1001 }, (_, index) => ({ Key: `none/${index}` }));
  expect(await refusalOf(s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: many } })))).toEqual({
    code: "MalformedXML",
    status: 400,
  });
});

test("the account's buckets are listed for whoever may see them all", async () => {
  await world.bucket("in-europe", "eu");
  const own = world.client(await world.ownKeys());
  const { Buckets } = await own.send(new ListBucketsCommand({}));
  expect(Buckets?.map(({ Name }) => Name)).toEqual(["empty", "media"]);
  expect(await refusalOf(s3.send(new ListBucketsCommand({})))).toEqual({ code: "AccessDenied", status: 403 });
});

test("pages of any size together give each key or common prefix once", () => {
  const key = fc.string({ unit: fc.constantFrom("a", "b", "/"), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      fc.uniqueArray(key),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom("", "/", "b"),
      (keys, most, delimiter) => {
        const objects = [...keys]
          .sort()
          .map((name) => ({ key: name }) as Parameters<typeof listPage>[0][number]);
        const whole = listPage(objects, { prefix: "", delimiter, after: "", most: 1000 });
        const seen = { objects: [] as unknown[], prefixes: [] as string[] };
        for (let after: string | undefined = ""; after !== undefined;) {
          const page = listPage(objects, { prefix: "", delimiter, after, most });
          expect(page.objects.length + page.commonPrefixes.length).toBeLessThanOrEqual(most);
          seen.objects.push(...page.objects);
          seen.prefixes.push(...page.commonPrefixes);
          after = page.next;
        }
        expect(seen).toEqual({ objects: whole.objects, prefixes: whole.commonPrefixes });
      },
    ),
  );
});
