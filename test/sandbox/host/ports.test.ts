import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allocatePorts, readPorts, reservePorts, resolvePort } from "../../../sandbox/host/ports";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ports-"));
  file = join(folder, "ports.json");
});
afterEach(() => rm(folder, { recursive: true }));

const publish = (hostPort: number, service = "api") =>
  allocatePorts(
    file,
    { project: "sample", service },
    [{ hostPort, containerPort: 4000, protocol: "tcp" }],
    () => true,
  );

test("a reserved port is nobody's: it can be published, and is then where it was reserved", async () => {
  const reserved = await reservePorts(file, [443, 5432]);
  expect(new Set(reserved.values()).size).toBe(2);
  expect(resolvePort(file, 443)).toBeUndefined();
  expect(readPorts(file)).toEqual({});
  await publish(443);
  expect(resolvePort(file, 443)).toBe(reserved.get(443));
  expect(Object.keys(readPorts(file))).toEqual(["443/tcp"]);
});

test("a port that is published is not taken away by a reservation, and reserving again changes nothing", async () => {
  await publish(443);
  const local = resolvePort(file, 443);
  const first = await reservePorts(file, [443, 5432]);
  expect(first.get(443)).toBe(local);
  expect(readPorts(file)["443/tcp"]?.service).toBe("api");
  expect(await reservePorts(file, [5432, 443])).toEqual(first);
  await expect(publish(443, "web")).rejects.toThrow("port is already allocated (by api of project sample)");
});
