import { once } from "node:events";
import { request } from "node:http";
import { WebSocket } from "ws";
import { composeOverride } from "../../../sandbox/host/docker/override";
import { standInImage } from "../../../sandbox/host/images/stand-in";
import { standInTask } from "../../../sandbox/host/stand-in/task";
import { standInsOf } from "../../../sandbox/host/stand-ins";
import { TestHost } from "./support";

const composeFile = `
services:
  web:
    image: ghcr.io/example/unknown:1
    command: ["bun", "run", "start"]
    environment: { PORT: "3001" }
    ports: ["80:8080"]
    healthcheck:
      test: ["CMD", "bun", "-e", "fetch('http://127.0.0.1:3001/health')"]
      interval: 1s
`;

describe("a task", () => {
  const facts = { service: "web", image: "some/image:1", environment: {}, published: [], healthcheck: [] };

  it.each([
    ["nothing", facts, [], []],
    ["PORT", { ...facts, environment: { PORT: "4000" } }, [4000], []],
    ["a PORT that is none", { ...facts, environment: { PORT: "auto" } }, [], []],
    ["the health check", { ...facts, healthcheck: ["CMD", "curl", "http://localhost:3000/up"] }, [3000], []],
    [
      "published ports, one of them of TLS",
      {
        ...facts,
        published: [
          { hostPort: 80, containerPort: 8080 },
          { hostPort: 443, containerPort: 8443 },
        ],
      },
      [8080],
      [8443],
    ],
  ])("has the ports of %s", (_name, given, ports, tlsPorts) => {
    expect(standInTask(given)).toEqual({ service: "web", of: "some/image:1", ports, tlsPorts });
  });
});

describe("on the host without Docker", () => {
  let machine: TestHost;

  beforeAll(async () => {
    machine = await TestHost.start({ images: [standInImage()] });
    await machine.ssh("mkdir notes && cat > notes/compose.yaml", { input: composeFile });
  }, 60_000);
  afterAll(() => machine.remove());

  const compose = (words: string) => machine.ssh(`cd notes && docker compose ${words}`);

  it("answers in place of an image that nobody knows, healthy and named as what it is", async () => {
    const up = await compose("up --detach --wait");
    expect(up).toMatchObject({ code: 0 });
    expect(up.stderr).toContain("image ghcr.io/example/unknown:1 is not to be had here; a stand-in answers");
    expect(standInsOf(machine.directory)).toEqual({ "notes/web": "ghcr.io/example/unknown:1" });

    const answer = await ask(machine.host.resolvePort(80)!, "/some/path?secret=1", {});
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({
      standIn: true,
      service: "web",
      of: "ghcr.io/example/unknown:1",
      path: "/some/path",
    });
  });

  it("says on a WebSocket who it is, and gives back what it gets", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${machine.host.resolvePort(80)!}/ws?secret=1`);
    const received: string[] = [];
    socket.on("message", (data) => received.push((data as Buffer).toString()));
    await once(socket, "open");
    socket.send("hello");
    while (received.length < 2) await once(socket, "message");
    expect(JSON.parse(received[0]!)).toMatchObject({ standIn: true, service: "web", path: "/ws" });
    expect(received[1]).toBe("hello");
    socket.close();
    await once(socket, "close");
  });

  it.each([
    ["run --rm -T --no-deps web alembic upgrade head", "alembic upgrade head"],
    ["run --rm -T --no-deps --entrypoint sh web -c ls", "-c ls"],
    ["run --rm -T --no-deps web", "bun run start"],
    ["exec -T web bun run db:migrate", "bun run db:migrate"],
  ])("does not run a command of the image, says so, and goes on: %s", async (words, told) => {
    const result = await compose(words);
    expect(result.code).toBe(0);
    expect(result.stdout).toBe(
      `sandbox: not run, as ghcr.io/example/unknown:1 is not here and a stand-in takes its place: ${told}\n`,
    );
  });

  it("stays as it is when nothing has changed, and stops at once, its sockets by a close frame", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${machine.host.resolvePort(80)!}/`);
    await once(socket, "open");
    const closed = once(socket, "close");
    expect((await compose("up --detach --wait")).stderr).toContain("Container notes-web-1  Running");
    const begun = Date.now();
    expect((await compose("down")).code).toBe(0);
    expect(Date.now() - begun).toBeLessThan(9000);
    expect((await closed)[0]).toBe(1001);
  });
});

it("takes the place of a service's own program in Docker as well", () => {
  const task = { service: "web", of: "some/image:1", ports: [3000], tlsPorts: [] };
  const text = composeOverride({
    config: {
      name: "notes",
      services: {
        web: { image: "some/image:1", healthcheck: { test: ["CMD", "bun"] } },
        db: { image: "postgres:17" },
      },
    },
    prefix: "gw",
    label: { name: "l", value: "v" },
    image: (service) => (service === "web" ? "gw/node-app:1" : undefined),
    standIn: (service) => (service === "web" ? task : undefined),
    localPort: () => undefined,
  });
  expect(text).toContain('entrypoint: ["/usr/local/bin/node","/app/stand-in.js"]');
  expect(text).toContain('healthcheck: { test: ["CMD","/usr/local/bin/node","/app/stand-in.js","health"] }');
  expect(text.match(/GROUNDWORK_STAND_IN/g)).toHaveLength(1);
  expect(text.match(/entrypoint/g)).toHaveLength(1);
});

function ask(
  port: number,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers, agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      answer.once("end", () => resolve({ status: answer.statusCode, body }));
    });
    sent.once("error", reject);
    sent.end();
  });
}
