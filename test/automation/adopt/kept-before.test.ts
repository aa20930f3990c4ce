import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adopt } from "../../../automation/adopt/adopt";

// A zone with nothing in it.
let server: Server;
let directory: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const isZones = request.url?.startsWith("/zones?") === true;
    const result = isZones
      ? [{ id: "b1".padStart(32, "0"), name: "example.com", account: { id: "a1".padStart(32, "0") } }]
      : [];
    response.end(JSON.stringify({ success: true, errors: [], messages: [], result }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => server.close());
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "gw-adopt-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const stackFile = "Pulumi.live.yaml";
const lines: string[] = [];
const run = (force: boolean) =>
  adopt({
    stack: "live",
    directory,
    domain: "example.com",
    apiToken: "token",
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    force,
    open: () => Promise.reject(new Error("written")),
    log: (line) => lines.push(line),
  });
const read = (name: string) => readFileSync(join(directory, name), "utf8");

test("the user's own stack file is kept however often it is written over, and what is kept is told", async () => {
  writeFileSync(join(directory, stackFile), "# my own\n");
  await expect(run(false)).rejects.toThrow(`this ${stackFile} is kept as ${stackFile}.before`);
  await expect(run(true)).rejects.toThrow("written");
  expect([read(stackFile), read(`${stackFile}.before`)]).toEqual([
    expect.stringContaining("example.com"),
    "# my own\n",
  ]);
  await expect(run(false)).rejects.toThrow(
    `${stackFile}.before stays as it is, and this ${stackFile} is not kept`,
  );
  await expect(run(true)).rejects.toThrow("written");
  expect(read(`${stackFile}.before`)).toBe("# my own\n");
  expect(lines).toContain(`${stackFile}.before stays as it is, and this ${stackFile} is not kept`);
});
