import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { explainFailure } from "../../automation/failures";
import { countObjects, explainFullBuckets, fullBuckets } from "../../automation/full-buckets";

const accountId = "000000000000000000000000000000a2";
const ofSandbox = `DELETE /accounts/${accountId}/r2/buckets/audio was refused with status 409 (10008: The bucket you tried to delete is not empty.)`;
const ofPlugin = `error: failed to make http request: DELETE "https://api.cloudflare.com/client/v4/accounts/${accountId}/r2/buckets/images-stg": 409 Conflict {
  "success": false,
  "errors": [{ "code": 10008, "message": "The bucket you tried to delete is not empty." }]
}`;

test("the buckets are found in what either provider says, each once", () => {
  expect(fullBuckets([ofSandbox, ofPlugin, ofSandbox].join("\n"))).toEqual([
    { accountId, name: "audio" },
    { accountId, name: "images-stg" },
  ]);
});

test("a refusal of another kind is none, and a bucket does not take the code of the next one", () => {
  const other = ofSandbox.replace("10008", "10006");
  expect(fullBuckets(other)).toEqual([]);
  expect(fullBuckets(`${other}\n${ofPlugin}`)).toEqual([{ accountId, name: "images-stg" }]);
});

test("the error names the bucket and the command that empties it", () => {
  const { parts } = explainFailure("destroy", "staging", [ofSandbox], new Error("exit status 255"));
  expect(parts.what).toMatch(/a bucket holds objects/);
  expect(parts.value).toMatch(/^audio \(one or more\)/);
  expect(parts.next).toContain(
    `aws s3 rm s3://audio --recursive --endpoint-url https://${accountId}.r2.cloudflarestorage.com`,
  );
  const several = explainFullBuckets(
    [
      { accountId, name: "a", objects: "3 objects" },
      { accountId, name: "b", objects: "1000 or more objects" },
    ],
    "http://127.0.0.1:9000",
  );
  expect(several.value).toMatch(/^a \(3 objects\), b \(1000 or more objects\)/);
  expect(several.next).toContain("s3://b --recursive --endpoint-url http://127.0.0.1:9000");
});

describe("the number of objects", () => {
  let server: Server;
  let answer: { status: number; body: string };
  const seen: unknown[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push([request.url, request.headers["cf-r2-jurisdiction"]]);
      response.statusCode = answer.status;
      response.end(answer.body);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => server.close());

  test.each([
    ["one", 200, { result: [{}], result_info: { is_truncated: false } }, "1 object"],
    ["some", 200, { result: [{}, {}, {}] }, "3 objects"],
    ["a page of more", 200, { result: [{}, {}], result_info: { is_truncated: true } }, "2 or more objects"],
    ["nothing to be seen", 200, { result: [] }, undefined],
    ["a refusal", 403, { success: false, errors: [] }, undefined],
    ["no JSON", 502, "<html>", undefined],
  ])("%s", async (_what, status, body, expected) => {
    answer = { status, body: typeof body === "string" ? body : JSON.stringify(body) };
    const { port } = server.address() as AddressInfo;
    const api = { apiUrl: `http://127.0.0.1:${port}`, apiToken: "x", jurisdictions: { audio: "eu" } };
    expect(await countObjects({ accountId, name: "audio" }, api)).toBe(expected);
    expect(seen.at(-1)).toEqual([`/accounts/${accountId}/r2/buckets/audio/objects?per_page=1000`, "eu"]);
  });
});
