import { Agent } from "node:https";
import { connect } from "node:tls";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Edge, startEdge } from "../../../sandbox/edge/edge";
import { isStorageHost } from "../../../sandbox/storage/address";
import { accountId } from "../cloudflare/support";
import { type Keys, refusalOf, StorageWorld } from "./support";

let world: StorageWorld;
beforeAll(async () => {
  world = await StorageWorld.start();
  for (const name of ["audio", "images", "other"]) await world.bucket(name);
  const own = world.client(await world.ownKeys());
  for (const Bucket of ["audio", "images", "other"])
    await own.send(new PutObjectCommand({ Bucket, Key: "there", Body: Bucket }));
}, 60_000);
afterAll(() => world.close());

const denied = { code: "AccessDenied", status: 403 };
/** An answer without a body has no code; the SDK makes one of the status. */
const deniedHead = expect.objectContaining({ status: 403 }) as unknown;

async function rights(s3: S3Client, Bucket: string): Promise<Record<string, unknown>> {
  const tried = async (call: Promise<unknown>) => call.then(() => "yes").catch(() => refusalOf(call));
  return {
    head: await tried(s3.send(new HeadBucketCommand({ Bucket }))),
    list: await tried(s3.send(new ListObjectsV2Command({ Bucket }))),
    read: await tried(s3.send(new GetObjectCommand({ Bucket, Key: "there" }))),
    write: await tried(s3.send(new PutObjectCommand({ Bucket, Key: "written", Body: "x" }))),
    delete: await tried(s3.send(new DeleteObjectCommand({ Bucket, Key: "written" }))),
    deleteMany: await tried(
      s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "written" }] } })),
    ),
  };
}

const all = { head: "yes", list: "yes", read: "yes", write: "yes", delete: "yes", deleteMany: "yes" };
const none = {
  head: deniedHead,
  list: denied,
  read: denied,
  write: denied,
  delete: denied,
  deleteMany: denied,
};

test("a key reaches the buckets of its token's policies, to read or to write, and no other", async () => {
  const s3 = world.client(await world.keys({ audio: "write", images: "read" }));
  expect(await rights(s3, "audio")).toEqual(all);
  expect(await rights(s3, "images")).toEqual({ ...all, write: denied, delete: denied, deleteMany: denied });
  expect(await rights(s3, "other")).toEqual(none);
  expect(await rights(s3, "not-there")).toEqual(none);
});

test("a copy needs the right to read its source", async () => {
  const s3 = world.client(await world.keys({ audio: "write", images: "read" }));
  const copy = (from: string) =>
    s3.send(new CopyObjectCommand({ Bucket: "audio", Key: "copy", CopySource: `${from}/there` }));
  await copy("images");
  expect(await refusalOf(copy("other"))).toEqual(denied);
  const back = new CopyObjectCommand({ Bucket: "images", Key: "copy", CopySource: "audio/there" });
  expect(await refusalOf(s3.send(back))).toEqual(denied);
});

test("the account's Workers R2 Storage reaches every bucket", async () => {
  const { result_info: _, ...groups } = (await world.bench.client.accounts.tokens.permissionGroups.list({
    account_id: accountId,
    name: "Workers R2 Storage Read",
  })) as unknown as { result: { id: string }[]; result_info: unknown };
  const created = await world.bench.client.accounts.tokens.create({
    account_id: accountId,
    name: "all buckets",
    policies: [
      {
        effect: "allow",
        permission_groups: [{ id: groups.result[0]!.id }],
        resources: { [`com.cloudflare.api.account.${accountId}`]: "*" },
      },
    ],
  });
  const s3 = world.client(world.keysOf(created));
  for (const Bucket of ["audio", "other"])
    expect(await rights(s3, Bucket)).toEqual({ ...all, write: denied, delete: denied, deleteMany: denied });
});

test("buckets are made and deleted by the API, not by objects' keys", async () => {
  const s3 = world.client(await world.keys({ audio: "write" }));
  expect(await refusalOf(s3.send(new CreateBucketCommand({ Bucket: "new-bucket" })))).toEqual(denied);
  expect(await refusalOf(s3.send(new DeleteBucketCommand({ Bucket: "audio" })))).toEqual(denied);
  const own = world.client(await world.ownKeys());
  expect(await refusalOf(own.send(new CreateBucketCommand({ Bucket: "new-bucket" })))).toEqual({
    code: "NotImplemented",
    status: 501,
  });
  expect((await s3.send(new GetBucketLocationCommand({ Bucket: "audio" }))).LocationConstraint).toBe("auto");
  expect(await refusalOf(s3.send(new GetBucketAclCommand({ Bucket: "audio" })))).toMatchObject({
    status: 501,
  });
});

describe("at R2's own host names, through the edge", () => {
  let edge: Edge;
  beforeAll(async () => {
    const { server, folder } = world.bench;
    edge = await startEdge({
      view: server.view,
      directory: `${folder}/edge`,
      resolveOrigin: () => undefined,
      apart: { serves: isStorageHost, answer: world.storage.serve },
    });
  }, 60_000);
  afterAll(() => edge.close());

  /** The SDK with an endpoint as the stack puts it out; only the way there is the edge's, as `curl --connect-to` has it. */
  function client(keys: Keys, host: string, forcePathStyle = false): S3Client {
    const httpsAgent = new Agent({ keepAlive: false });
    httpsAgent.createConnection = ({ servername }: { servername?: string }) =>
      connect({ host: "127.0.0.1", port: edge.httpsPort, servername, ca: edge.authority.certificatePem });
    return world.client(keys, {
      endpoint: `https://${host}`,
      forcePathStyle,
      requestHandler: { httpsAgent },
    });
  }

  test.each([
    ["in the host", false],
    ["in the path", true],
  ])("with the bucket %s", async (_where, pathStyle) => {
    const s3 = client(
      await world.keys({ audio: "write" }),
      `${accountId}.r2.cloudflarestorage.com`,
      pathStyle,
    );
    const body = "through the edge ".repeat(200_000);
    await s3.send(new PutObjectCommand({ Bucket: "audio", Key: "by/edge ü", Body: body }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "audio", Key: "by/edge ü" }));
    expect(await Body!.transformToString()).toBe(body);
    expect(await refusalOf(s3.send(new ListObjectsV2Command({ Bucket: "other" })))).toEqual(denied);
  });

  test("a jurisdiction's bucket answers at that jurisdiction's host only", async () => {
    await world.bucket("in-europe", "eu");
    const keys = await world.keys({ "in-europe": "write" }, "eu");
    const there = client(keys, `${accountId}.eu.r2.cloudflarestorage.com`);
    await there.send(new PutObjectCommand({ Bucket: "in-europe", Key: "a", Body: "b" }));
    const elsewhere = client(keys, `${accountId}.r2.cloudflarestorage.com`);
    expect(await refusalOf(elsewhere.send(new HeadBucketCommand({ Bucket: "in-europe" })))).toMatchObject({
      status: 403,
    });
    const own = client(await world.ownKeys(), `${accountId}.r2.cloudflarestorage.com`);
    expect(await refusalOf(own.send(new HeadBucketCommand({ Bucket: "in-europe" })))).toMatchObject({
      status: 404,
    });
    // At the plain address any bucket of the account is found.
    const { Body } = await world.client(keys).send(new GetObjectCommand({ Bucket: "in-europe", Key: "a" }));
    expect(await Body!.transformToString()).toBe("b");
  });

  test("the host of another account", async () => {
    const keys = await world.keys({ audio: "write" });
    const other = client(keys, `${"b".repeat(32)}.r2.cloudflarestorage.com`);
    expect(await refusalOf(other.send(new ListObjectsV2Command({ Bucket: "audio" })))).toEqual({
      code: "Unauthorized",
      status: 401,
    });
  });
});
