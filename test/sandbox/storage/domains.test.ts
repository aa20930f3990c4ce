import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { type Edge, startEdge } from "../../../sandbox/edge/edge";
import { runProgram } from "../../support/command";
import { accountId, zoneId } from "../cloudflare/support";
import { StorageWorld } from "./support";

const Bucket = "media";
const domain = "media.example.com";
let world: StorageWorld;
let edge: Edge;
let etag: string;

beforeAll(async () => {
  world = await StorageWorld.start();
  const { server, folder, client } = world.bench;
  edge = await startEdge({
    view: server.view,
    directory: `${folder}/edge`,
    resolveOrigin: () => undefined,
    hooks: { buckets: world.storage.publicStep },
  });
  await world.bucket(Bucket);
  const s3 = world.client(await world.keys({ [Bucket]: "write" }));
  const { ETag } = await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "covers/ä 1.svg",
      Body: "<svg/>",
      ContentType: "image/svg+xml",
      CacheControl: "max-age=60",
      Metadata: { owner: "somebody" },
    }),
  );
  etag = ETag!;
  await s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "0123456789" }));
  await client.r2.buckets.cors.update(Bucket, {
    account_id: accountId,
    rules: [{ allowed: { origins: ["https://example.com"], methods: ["GET"] }, exposeHeaders: ["etag"] }],
  });
}, 60_000);
afterAll(async () => {
  await edge.close();
  await world.close();
});

interface Visit {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** curl, as a visitor who trusts the edge's authority. */
async function visit(host: string, path: string, ...more: string[]): Promise<Visit> {
  const head = join(world.bench.folder, "head");
  const body = join(world.bench.folder, "body");
  for (const file of [head, body]) writeFileSync(file, "");
  const { code, stderr } = await runProgram("curl", [
    "-sS",
    "--cacert",
    edge.authority.certificateFile,
    "--connect-to",
    `::127.0.0.1:${edge.httpsPort}`,
    "-D",
    head,
    "-o",
    body,
    ...more,
    `https://${host}${path}`,
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [line = "", ...fields] = readFileSync(head, "utf8").trim().split("\r\n");
  const headers = fields.map((field) => [
    field.slice(0, field.indexOf(":")),
    field.slice(field.indexOf(":") + 2),
  ]);
  return {
    status: Number(line.split(" ")[1]),
    headers: Object.fromEntries(headers) as Visit["headers"],
    body: readFileSync(body, "utf8"),
  };
}

const path = "/covers/%C3%A4%201.svg";

describe("a custom domain", () => {
  beforeAll(async () => {
    const args = { account_id: accountId, domain, zoneId, enabled: true, minTLS: "1.3" as const };
    await world.bench.client.r2.buckets.domains.custom.create(Bucket, args);
  });

  test("everybody reads an object, with what its owner said of it to everybody", async () => {
    const { status, headers, body } = await visit(domain, path);
    expect({ status, body }).toEqual({ status: 200, body: "<svg/>" });
    expect(headers).toMatchObject({
      "content-type": "image/svg+xml",
      "cache-control": "max-age=60",
      etag,
      "accept-ranges": "bytes",
      server: "cloudflare",
    });
    expect(headers["last-modified"]).toBeDefined();
    expect(headers["x-amz-meta-owner"]).toBeUndefined();
    const head = await visit(domain, path, "--head");
    expect([head.status, head.headers["content-length"]]).toEqual([200, "6"]);
  });

  test("ranges and conditions", async () => {
    const range = await visit(domain, "/plain", "-H", "range: bytes=2-4");
    expect(range).toMatchObject({ status: 206, body: "234", headers: { "content-range": "bytes 2-4/10" } });
    expect((await visit(domain, "/plain", "-H", "range: bytes=10-")).status).toBe(416);
    expect((await visit(domain, path, "-H", `if-none-match: ${etag}`)).status).toBe(304);
    expect((await visit(domain, path, "-H", 'if-match: "other"')).status).toBe(412);
  });

  test("nothing else: no other key, no list, no writing", async () => {
    for (const other of ["/", "/none", "/covers/", "/?list-type=2", "/%zz"])
      expect(await visit(domain, other)).toMatchObject({
        status: 404,
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    for (const method of ["PUT", "POST", "DELETE"])
      expect((await visit(domain, "/plain", "-X", method, "-d", "x")).status).toBe(405);
    expect((await visit(domain, "/plain")).body).toBe("0123456789");
  });

  test("pages of other origins, by the bucket's rules", async () => {
    const from = (origin: string, ...more: string[]) =>
      visit(domain, "/plain", "-H", `origin: ${origin}`, ...more);
    const preflight = ["-X", "OPTIONS", "-H", "access-control-request-method: GET"];
    expect((await from("https://example.com")).headers).toMatchObject({
      "access-control-allow-origin": "https://example.com",
      "access-control-expose-headers": "etag",
    });
    expect((await from("https://other.example")).headers["access-control-allow-origin"]).toBeUndefined();
    expect(await from("https://example.com", ...preflight)).toMatchObject({
      status: 204,
      headers: { "access-control-allow-methods": "GET" },
    });
    expect((await from("https://other.example", ...preflight)).status).toBe(403);
  });

  test("the oldest TLS is the domain's own choice", async () => {
    const old = connect({
      host: "127.0.0.1",
      port: edge.httpsPort,
      servername: domain,
      ca: edge.authority.certificatePem,
      maxVersion: "TLSv1.2",
    });
    await expect(
      new Promise((resolve, reject) => old.once("secureConnect", resolve).once("error", reject)),
    ).rejects.toThrow(/alert/);
    old.destroy();
  });

  test("is closed when it is switched off, and gone with the domain", async () => {
    const custom = world.bench.client.r2.buckets.domains.custom;
    await custom.update(domain, { account_id: accountId, bucket_name: Bucket, enabled: false });
    expect((await visit(domain, "/plain")).status).toBe(401);
    await custom.delete(domain, { account_id: accountId, bucket_name: Bucket });
    expect((await visit(domain, "/plain")).status).toBe(409);
  });
});

test("an r2.dev address is open only where it was opened", async () => {
  const managed = world.bench.client.r2.buckets.domains.managed;
  const { domain: host } = await managed.update(Bucket, { account_id: accountId, enabled: false });
  expect((await visit(host, "/plain")).status).toBe(401);
  await managed.update(Bucket, { account_id: accountId, enabled: true });
  expect(await visit(host, "/plain")).toMatchObject({
    status: 200,
    body: "0123456789",
    headers: { "content-type": "application/octet-stream" },
  });
  expect((await visit("pub-00000000000000000000000000000000.r2.dev", "/plain")).status).toBe(409);
  const own = world.client(await world.ownKeys());
  await own.send(new DeleteObjectCommand({ Bucket, Key: "plain" }));
  expect((await visit(host, "/plain")).status).toBe(404);
});
