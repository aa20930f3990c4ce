import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerApi } from "../../../sandbox/providers/docker/api";
import { containerSpec, nanoseconds } from "../../../sandbox/providers/docker/container-spec";
import { provider } from "../../../sandbox/providers/docker/provider";
import { parseReference } from "../../../sandbox/providers/docker/reference";
import { registryDigest } from "../../../sandbox/providers/docker/registry";
import { testProvider } from "../../support/provider";

let directory: string;
const servers: Server[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gw-docker-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(directory, { recursive: true, force: true });
});

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void, socket?: string) {
  const server = createServer(handle);
  servers.push(server);
  await new Promise<void>((resolve) =>
    socket ? server.listen(socket, resolve) : server.listen(0, "127.0.0.1", resolve),
  );
  return socket ?? String((server.address() as AddressInfo).port);
}

describe("image names", () => {
  it.each([
    ["postgres", "registry-1.docker.io", "library/postgres", "latest"],
    ["postgres:16", "registry-1.docker.io", "library/postgres", "16"],
    ["docker.io/postgres:16", "registry-1.docker.io", "library/postgres", "16"],
    ["timescale/timescaledb:latest-pg16", "registry-1.docker.io", "timescale/timescaledb", "latest-pg16"],
    ["ghcr.io/owner/app:main", "ghcr.io", "owner/app", "main"],
    ["localhost:5000/app", "localhost:5000", "app", "latest"],
    ["localhost/app:1", "localhost", "app", "1"],
    ["ghcr.io/owner/app:main@sha256:abc", "ghcr.io", "owner/app", "sha256:abc"],
  ])("%s", (image, registry, repository, tag) => {
    expect(parseReference(image)).toEqual({ registry, repository, tag });
  });
});

describe("durations", () => {
  it.each([
    ["30s", 30e9],
    ["1m30s", 90e9],
    ["500ms", 5e8],
    ["1.5h", 5400e9],
    ["0", 0],
    [undefined, undefined],
  ])("%s", (text, expected) => expect(nanoseconds(text)).toBe(expected));
  it("refuses anything else", () => expect(() => nanoseconds("30")).toThrow("not a duration: 30"));
});

describe("a container's specification", () => {
  it("says what was asked for, and nothing of what was not", () => {
    expect(
      containerSpec({
        image: "sha256:abc",
        command: ["serve"],
        envs: ["A=1"],
        ports: [
          { internal: 4000, external: 80, ip: "127.0.0.1" },
          { internal: 53, protocol: "udp" },
        ],
        volumes: [{ volumeName: "data", containerPath: "/data", readOnly: true }],
        networksAdvanced: [{ name: "back", aliases: ["app"] }, { name: "front" }],
        restart: "on-failure",
        maxRetryCount: 3,
        memory: 256,
        healthcheck: { tests: ["CMD", "true"], interval: "5s", retries: 2 },
        labels: [{ label: "part", value: "api" }],
      }),
    ).toEqual({
      Image: "sha256:abc",
      Cmd: ["serve"],
      Env: ["A=1"],
      Labels: { part: "api" },
      ExposedPorts: { "4000/tcp": {}, "53/udp": {} },
      Healthcheck: { Test: ["CMD", "true"], Interval: 5e9, Retries: 2 },
      HostConfig: {
        PortBindings: {
          "4000/tcp": [{ HostIp: "127.0.0.1", HostPort: "80" }],
          "53/udp": [{ HostIp: "0.0.0.0", HostPort: "" }],
        },
        Binds: ["data:/data:ro"],
        Mounts: [],
        ExtraHosts: [],
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
        NetworkMode: "back",
        Memory: 268435456,
      },
      NetworkingConfig: { EndpointsConfig: { back: { Aliases: ["app"] } } },
    });
  });
});

describe("decisions", () => {
  const docker = testProvider(provider);
  const container = "docker:index/container:Container";
  it.each([
    ["image", { image: "b" }, "replace"],
    ["envs", { envs: ["A=1"] }, "replace"],
    ["ports", { ports: [{ internal: 80 }] }, "replace"],
    ["restart", { restart: "always" }, "update"],
    ["memory", { memory: 64 }, "update"],
    ["destroyGraceSeconds", { destroyGraceSeconds: 5 }, "update"],
    ["a default given openly", { restart: "no", mustRun: true, readOnly: false }, "same"],
  ] as const)("container: %s", (_what, change, decision) => {
    const both = { name: "n", image: "a" };
    expect(docker.decide(container, both, { ...both, ...(change as object) })).toBe(decision);
  });

  it.each([
    ["a container, for its ports", container, "it-0000000", "it-0000000", true],
    ["a volume of the program's own name", "docker:index/volume:Volume", "data", "data", true],
    ["a volume of a generated name", "docker:index/volume:Volume", "it-0a1b2c3", "it-0a1b2c3", false],
    ["a network whose name changes", "docker:index/network:Network", "one", "two", false],
  ])("what goes before its successor comes: %s", (_what, type, before, after, first) => {
    const labels = [{ label: "a", value: "b" }];
    const { deleteBeforeReplace } = docker.operations.diff(
      docker.context(type),
      "id",
      { name: before },
      {},
      { name: after, labels },
    );
    expect(deleteBeforeReplace).toBe(first);
  });

  it("keeps a generated name", () => {
    const context = docker.context(container);
    const seed = randomBytes(32);
    const first = docker.operations.check(context, {}, { image: "a" }, seed).inputs;
    expect(first["name"]).toBe(`it-${seed.toString("hex").slice(0, 7)}`);
    expect(docker.operations.check(context, first, { image: "b" }, randomBytes(32)).inputs["name"]).toBe(
      first["name"],
    );
  });

  it("refuses to push what it could not delete", () => {
    expect(
      docker.refusals("docker:index/registryImage:RegistryImage", { name: "localhost:1/a" }),
    ).toHaveProperty("keepRemotely");
  });
});

describe("the way to the daemon", () => {
  it("speaks over a socket; an error carries the daemon's own words and status", async () => {
    const socket = join(directory, "d.sock");
    await serve((request, response) => {
      if (request.url?.startsWith("/volumes/none"))
        return response.writeHead(404).end(JSON.stringify({ message: "no such volume" }));
      if (request.url === "/stream") return response.end('{"status":"one"}\n{"error":"denied"}\n');
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => response.end(JSON.stringify({ method: request.method, body })));
    }, socket);
    const api = dockerApi({ host: `unix://${socket}`, sshOpts: [] });
    expect(await api.call("POST", "/x", { a: 1 })).toEqual({ method: "POST", body: '{"a":1}' });
    expect(await api.find("/volumes/none")).toBeUndefined();
    await expect(api.call("DELETE", "/volumes/none?force=true")).rejects.toThrow(
      "docker DELETE /volumes/none: no such volume (status 404)",
    );
    expect(await api.call("GET", "/stream")).toEqual([{ status: "one" }, { error: "denied" }]);
  });

  it("goes through ssh with the options given, and passes on what ssh says when it fails", async () => {
    const socket = join(directory, "d.sock");
    await serve((_request, response) => response.end('{"through":"ssh"}'), socket);
    const bin = join(directory, "bin");
    mkdirSync(bin);
    // Stands in for ssh: notes its arguments, and is the other end's `docker system dial-stdio`.
    writeFileSync(
      join(bin, "ssh"),
      `#!/bin/sh
echo "$*" > ${join(directory, "arguments")}
case "$*" in *broken*) echo "Permission denied" >&2; exit 255;; esac
exec ${process.execPath} -e 'const s=require("net").connect(${JSON.stringify(socket)});process.stdin.pipe(s).pipe(process.stdout)'
`,
    );
    chmodSync(join(bin, "ssh"), 0o755);
    const path = process.env["PATH"];
    process.env["PATH"] = `${bin}:${path ?? ""}`;
    try {
      const api = dockerApi({ host: "ssh://deploy@host.test:2222", sshOpts: ["-i", "key"] });
      expect(await api.call("GET", "/info")).toEqual({ through: "ssh" });
      expect(readFileSync(join(directory, "arguments"), "utf8").trim()).toBe(
        "-i key -l deploy -p 2222 -- host.test docker system dial-stdio",
      );
      const broken = dockerApi({ host: "ssh://broken.test", sshOpts: [] });
      await expect(broken.call("GET", "/info")).rejects.toThrow(
        "cannot reach the Docker daemon at ssh://broken.test: Permission denied",
      );
    } finally {
      process.env["PATH"] = path;
    }
  });

  it("refuses another kind of address", () => {
    expect(() => dockerApi({ host: "npipe://./pipe/docker", sshOpts: [] })).toThrow("is not supported");
    expect(() => dockerApi({ host: "nonsense", sshOpts: [] })).toThrow("is no address");
  });
});

describe("a registry's digest", () => {
  const digest = `sha256:${"a".repeat(64)}`;

  it("is asked for without and with a login by token", async () => {
    const password = randomBytes(12).toString("hex");
    const basic = `Basic ${Buffer.from(`reader:${password}`).toString("base64")}`;
    const port = await serve((request, response) => {
      if (request.url?.startsWith("/token")) {
        const isRight = request.headers.authorization === basic;
        return response.end(JSON.stringify({ token: isRight ? "good" : "bad" }));
      }
      if (request.url === "/v2/open/manifests/1")
        return response.setHeader("Docker-Content-Digest", digest).end();
      if (request.headers.authorization === "Bearer good" && request.url === "/v2/closed/manifests/latest") {
        return response.setHeader("Docker-Content-Digest", digest).end();
      }
      response
        .writeHead(401, {
          "WWW-Authenticate": `Bearer realm="http://127.0.0.1:${port}/token",service="test"`,
        })
        .end();
    });
    const ask = (
      image: string,
      logins = [{ address: `http://127.0.0.1:${port}`, username: "reader", password }],
    ) => registryDigest(`127.0.0.1:${port}/${image}`, { logins, insecureSkipVerify: false });
    expect(await ask("open:1", [])).toBe(digest);
    expect(await ask("closed")).toBe(digest);
    await expect(ask("closed", [])).rejects.toThrow(
      `has no image 127.0.0.1:${port}/closed for us (status 401)`,
    );
  });
});
