import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { accountId } from "../cloudflare/support";
import { StorageWorld } from "./support";

const Bucket = "media";
const day = 86_400_000;
let world: StorageWorld;
let clock: Date | undefined;
beforeAll(async () => {
  world = await StorageWorld.start({ now: () => clock ?? new Date() });
}, 60_000);
afterAll(() => world.close());

test("objects go by the bucket's rules, uploads by R2's own where nothing is said", async () => {
  await world.bucket(Bucket);
  const keys = await world.keys({ [Bucket]: "write" });
  const left = async () => {
    // Rules are looked at when the storage starts, and each minute.
    await world.restart();
    clock = undefined;
    const s3 = world.client(keys);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    return [...Contents, ...Uploads].map(({ Key }) => Key);
  };
  const s3 = world.client(keys);
  for (const Key of ["tmp/a", "kept"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "upload" }));
  clock = new Date(Date.now() + 6 * day);
  expect(await left()).toEqual(["kept", "tmp/a", "upload"]);
  clock = new Date(Date.now() + 8 * day);
  expect(await left()).toEqual(["kept", "tmp/a"]);
  await world.bench.client.r2.buckets.lifecycle.update(Bucket, {
    account_id: accountId,
    rules: [
      {
        id: "tmp",
        enabled: true,
        conditions: { prefix: "tmp/" },
        deleteObjectsTransition: { condition: { type: "Age", maxAge: 3 * 86_400 } },
      },
    ],
  });
  clock = new Date(Date.now() + 2 * day);
  expect(await left()).toEqual(["kept", "tmp/a"]);
  clock = new Date(Date.now() + 4 * day);
  expect(await left()).toEqual(["kept"]);
});
