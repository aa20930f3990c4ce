import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { WebSocket } from "ws";
import { openProject } from "../../automation/project";
import { projectRoot } from "../../common/project-root";
import { sandboxFolder } from "../../sandbox/folder";
import { hostLayout } from "../../sandbox/host/layout";
import { resolvePort } from "../../sandbox/host/ports";
import { outsideFolder } from "../../sandbox/host/reachable";
import { standInsOf } from "../../sandbox/host/stand-ins";
import type { SandboxRecord } from "../../sandbox/record";
import { bucketTests } from "./buckets";
import { SandboxHome, exportedVariables, runProgram } from "../support/command";
import { transcribe } from "../support/transcript";
import { parsedAnswer } from "../support/json-answer";
import { plyrStaging } from "./plyr-paths";

// Every stack that is checked in, but for dev (test/cli/start.engine.test.ts), as a user brings it up: the real engine,
// SSH, PostgreSQL, and each file unchanged.

interface System {
  readonly title: string;
  readonly stack: string;
  /** Below the checkout; undefined is the checkout itself. */
  readonly directory?: string;
  /** Address -> status. */
  readonly answers: Readonly<Record<string, number>>;
  /** Services whose images nobody has here. */
  readonly standIns: readonly string[];
  /** Outputs, secret ones as Pulumi shows them. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

const roles = (database: string, prefix = database) => ({
  main: { appUser: `${prefix}_app_a`, database, migratorUser: `${prefix}_migrator` },
});

const bucket = (bucketName: string) => expect.objectContaining({ bucketName }) as unknown;

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

const release = matching(/^[0-9a-f]{8,}$/);

function streampai(stack: string, site: string, api: string, extra: object): System {
  return {
    title: `Streampai ${stack}`,
    stack,
    answers: { [`https://${site}/`]: 200, [`https://${api}/api/health`]: 200 },
    standIns: [],
    outputs: {
      addresses: { "sites.web": [`https://${site}`], "origins.api": [`https://${api}`] },
      databases: roles("streampai"),
      releases: { api: release },
      ...extra,
    },
  };
}

function plyr(stack: string, site: string, api: string, extra: object): System {
  return {
    title: `plyr.fm ${stack}`,
    stack,
    directory: "examples/plyr",
    answers: { [`https://${site}/`]: 200, [`https://${api}/health`]: 200 },
    standIns: [],
    outputs: {
      addresses: { "sites.web": [`https://${site}`], "origins.api": [`https://${api}`] },
      buckets: { audio: bucket(`audio-${stack}`), images: bucket(`images-${stack}`) },
      databases: roles("plyr"),
      releases: { api: release },
      ...extra,
    },
  };
}

function pika(stack: string, project: string, site: string, api: string): System {
  return {
    title: `Pika! ${stack}`,
    stack,
    directory: "examples/pika",
    answers: { [`https://${site}/`]: 200, [`https://${api}/health`]: 200 },
    // Once in the colour that serves; pika-cloud in the project itself as well, where its migrations run.
    standIns: ["-blue/pika-cloud", "-blue/pika-web", "/pika-cloud", "/redis"].map((one) => project + one),
    outputs: {
      addresses: { "origins.app": [`https://${api}`, `https://${site}`] },
      databases: roles(project.replace("-", "_")),
      releases: { app: release },
      accessTokens: {},
    },
  };
}

const systems: readonly System[] = [
  streampai("staging", "staging.streampai.com", "api-staging.streampai.com", {
    accessTokens: {
      ci: { clientId: matching(/.access$/), clientSecret: "[secret]" },
    },
  }),
  streampai("prod", "streampai.com", "api.streampai.com", { accessTokens: {} }),
  plyr("staging", "stg.plyr.fm", "api-stg.plyr.fm", {}),
  plyr("prod", "plyr.fm", "api.plyr.fm", { accessTokens: {} }),
  pika("staging", "pika-staging", "staging.pika.dance", "staging-api.pika.dance"),
  pika("prod", "pika", "pika.dance", "api.pika.dance"),
  {
    title: "srq-hpn prod",
    stack: "prod",
    directory: "examples/srq-hpn",
    answers: {
      "https://srq-hpn.example/": 200,
      "https://srq-hpn.example/api/health": 200,
      "https://www.srq-hpn.example/": 301,
      "https://www.srq-hpn.example/api/health": 301,
    },
    standIns: ["srq-hpn/api", "srq-hpn/web"],
    outputs: {
      addresses: { "origins.app": ["https://srq-hpn.example", "https://www.srq-hpn.example"] },
      buckets: { backups: bucket("srq-hpn-backups") },
      databases: roles("srq_hpn"),
      releases: { app: release },
    },
  },
];

describe.each(systems)("$title", ({ title, stack, directory, answers, standIns, outputs }) => {
  const home = new SandboxHome();
  const named = ["-s", stack, ...(directory === undefined ? [] : ["--directory", directory])];
  const project = openProject(join(projectRoot(), directory ?? ""));
  const folder = within(home, project.directory, () => sandboxFolder(stack));
  const stackFile = join(project.directory, `Pulumi.${stack}.yaml`);
  const before = readFileSync(stackFile, "utf8");

  afterAll(async () => {
    await home.run(["sandbox", "destroy", ...named]);
    await home.remove([]);
  }, 120_000);

  test("comes up, and each address answers as it should", async () => {
    const { code, stdout, stderr } = await home.run(["sandbox", ...named, "--without-docker"]);
    transcribe(`${title}: groundwork sandbox ${named.join(" ")} --without-docker`);
    for (const line of stdout
      .replace(/what next:[^]*/, "")
      .trimEnd()
      .split("\n"))
      transcribe(`  ${line}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: matching(/\d+ created, 0 unchanged/) });
    const told = [...stdout.matchAll(/│ (https:\S+) +│ (\d+)/g)].map(([, url, status]) => [
      url,
      Number(status),
    ]);
    expect(Object.fromEntries(told)).toEqual(answers);
    expect(Object.keys(standInsOf(folder.host)).sort()).toEqual(standIns);
    expect(readFileSync(stackFile, "utf8")).toBe(before);
  }, 240_000);

  test("again: there is nothing to change", async () => {
    const { code, stderr } = await home.run(["sandbox", ...named]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: matching(/nothing to change: \d+ resources are as described/),
    });
  }, 120_000);

  test("a plain pulumi gives its outputs, secret ones as secrets", async () => {
    const { stdout } = await home.run(["sandbox", "env", ...named]);
    const line = `exec pulumi stack output --json -s ${stack} --cwd '${project.directory}'`;
    const shown = await runProgram("/bin/sh", ["-c", line], exportedVariables(stdout));
    expect(shown.code).toBe(0);
    expect(JSON.parse(shown.stdout)).toMatchObject(outputs);
  }, 120_000);

  const record = (): SandboxRecord => JSON.parse(readFileSync(folder.recordFile, "utf8")) as SandboxRecord;

  if (directory === "examples/srq-hpn") {
    test("its own Caddy answers by its Caddyfile: HTTP/2, headers, and the way to the one address", async () => {
      const { portsFile } = hostLayout(folder.host);
      const local = (port: number) => String(resolvePort(portsFile, port));
      const places = [`::127.0.0.1:${local(443)}`, `srq-hpn.example:80:127.0.0.1:${local(80)}`];
      const reach = places.reverse().flatMap((place) => ["--connect-to", place]);
      const curl = async (...words: string[]): Promise<string> =>
        (await runProgram("curl", ["-sS", "-i", "--cacert", record().edge.caFile, ...reach, ...words]))
          .stdout;
      const page = await curl("https://srq-hpn.example/");
      expect(page).toMatch(/^HTTP\/2 200/);
      expect(page).toMatch(/strict-transport-security: max-age=31536000/);
      expect(page).toMatch(/x-content-type-options: nosniff/);
      expect(page).not.toMatch(/^server:/im);
      expect(await curl("https://www.srq-hpn.example/a?b")).toMatch(
        /^HTTP\/2 301[^]*location: https:\/\/srq-hpn\.example\/a\?b/,
      );
      expect(await curl("http://srq-hpn.example/a")).toMatch(
        /^HTTP\/1\.1 308[^]*Location: https:\/\/srq-hpn\.example\/a/,
      );
    });
  }

  if (directory === "examples/plyr") {
    test("the database elsewhere takes TLS only, and its administrator made the roles without being superuser", async () => {
      const [place] = record().databases;
      const connection = {
        host: "127.0.0.1",
        port: place!.localPort,
        user: place!.adminUser,
        password: readFileSync(place!.passwordFile, "utf8").trim(),
        database: "plyr",
      };
      await expect(new Client(connection).connect()).rejects.toThrow(/no encryption/);
      const ca = readFileSync(record().edge.caFile, "utf8");
      const client = new Client({ ...connection, ssl: { ca, servername: place!.host } });
      await client.connect();
      try {
        const { rows } = await client.query(
          "SELECT rolname, rolsuper FROM pg_roles WHERE rolname ~ '^(plyr|neondb)_' ORDER BY 1",
        );
        expect(rows).toEqual(
          ["neondb_owner", "plyr_app", "plyr_app_a", "plyr_app_b", "plyr_migrator"].map((rolname) => ({
            rolname,
            rolsuper: false,
          })),
        );
      } finally {
        await client.end();
      }
    });

    test("the platform's program got the variables, and kept their names alone", () => {
      const [file] = readdirSync(join(folder.platforms, "fly"));
      const kept = readFileSync(join(folder.platforms, "fly", file!), "utf8");
      const { names, history } = JSON.parse(kept) as { names: string[]; history: object[] };
      // Variables first, migrations before traffic, and all of it once although the stack came up twice.
      expect(history).toEqual([
        { did: "secrets", staged: true },
        { did: "release command", command: "uv run alembic upgrade head" },
        { did: "deploy", image: matching(/^registry\.fly\.io\/relay-api/) },
      ]);
      expect(names).toEqual(
        expect.arrayContaining(["AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "OAUTH_ENCRYPTION_KEY"]),
      );
      expect(kept).not.toContain("postgresql://");
    });

    test("groundwork rollback knows the platform's releases, and that there is none before the first", async () => {
      const { stdout } = await home.run(["sandbox", "env", ...named]);
      const program = join(projectRoot(), "bin", "groundwork.js");
      const words = [program, "rollback", "-s", stack, "--directory", directory];
      const { code, stderr } = await runProgram(process.execPath, words, exportedVariables(stdout));
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: matching(/there is no release before the last one.*registry\.fly\.io\/relay-api/s),
      });
    }, 60_000);
  }

  if (directory === "examples/srq-hpn") {
    test("a backup goes into the stack's own bucket, with the stack's own key, and is listed", async () => {
      const { stdout } = await home.run(["sandbox", "env", ...named]);
      const program = join(projectRoot(), "bin", "groundwork.js");
      const db = (word: string) =>
        runProgram(
          process.execPath,
          [program, "db", word, "-s", stack, "--directory", directory],
          exportedVariables(stdout),
        );
      expect(await db("backup")).toMatchObject({ code: 0 });
      const listed = await db("backups");
      expect(listed).toMatchObject({ code: 0, all: matching(/s3:http:\S+\/srq-hpn-backups\/srq-hpn\/main/) });
      // The objects are the bucket's, and no repository is on the host.
      const below = (place: string) => readdirSync(place, { recursive: true }).map(String);
      expect(below(folder.storage).filter((name) => name.includes("/data/")).length).toBeGreaterThan(3);
      const ofBackups = below(folder.host).filter((name) => name.includes("/backups/main/"));
      expect(ofBackups).toEqual(expect.arrayContaining([matching(/\/made$/)]));
      expect(ofBackups).not.toEqual(expect.arrayContaining([matching(/\/repository$/)]));
    }, 300_000);
  }

  if (directory === "examples/plyr" && stack === "staging") {
    const curl = async (...words: string[]): Promise<string> => {
      const { edge } = record();
      const reach = ["-sS", "--cacert", edge.caFile, "--connect-to", `::127.0.0.1:${edge.httpsPort}`];
      return (await runProgram("curl", [...reach, ...words])).stdout;
    };
    const outside = async (url: string): Promise<string> =>
      (await curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", url)).replace(/[?].*$/, "").trim();
    const { site, api, open, closed } = plyrStaging;
    const login = (url: string) =>
      `302 https://sandbox.cloudflareaccess.com/cdn-cgi/access/login/${new URL(url).hostname}`;

    test("without a login the four public paths answer, and everything beside them asks for one", async () => {
      transcribe("by curl, without a login:");
      const asked = async (url: string): Promise<string> => {
        const answer = await outside(url);
        transcribe(`  ${url}  ${answer}`);
        return answer;
      };
      for (const url of open) expect([url, await asked(url)]).toEqual([url, matching(/^(200|404)$/)]);
      for (const url of closed) expect([url, await asked(url)]).toEqual([url, login(url)]);
    }, 60_000);

    test("a person logs in by the PIN that `sandbox status` shows, once for both hosts", async () => {
      const jar = join(home.folder, "cookies");
      const follow = (...words: string[]) => curl("-L", "-b", jar, "-c", jar, ...words);
      const team = "https://sandbox.cloudflareaccess.com/cdn-cgi/access";
      const state = /name="state" value="([^"]+)"/.exec(await follow(`${site}/`))?.[1] ?? "";
      const told = await follow(
        "--data-urlencode",
        `state=${state}`,
        "-d",
        "email=team@plyr.fm",
        `${team}/onetimepin`,
      );
      expect(told).toContain("A code has been emailed to you");
      const { stdout } = await home.run(["sandbox", "status", ...named]);
      const pin = /one-time PIN +(\d{6}) for team@plyr\.fm/.exec(stdout)?.[1] ?? "";
      const page = await follow(
        "--data-urlencode",
        `state=${state}`,
        "-d",
        `code=${pin}`,
        `${team}/callback`,
      );
      expect(page).toContain("<title>");
      expect(page).not.toContain("Cloudflare Access");
      const status = await curl("-b", jar, "-o", "/dev/null", "-w", "%{http_code}", `${api}/`);
      transcribe(`by curl, after one login by one-time PIN at ${site}/:\n  ${api}/  ${status}`);
      expect(status).toBe("200");
    }, 60_000);

    test("a path that somebody opened by hand fails the check after the next change, by its name", async () => {
      const { stdout } = await home.run(["sandbox", "env", ...named]);
      const variables = exportedVariables(stdout);
      const call = async (method: string, path: string, body?: object): Promise<{ id: string }> => {
        const url = `${record().api.url}/accounts/000000000000000000000000000000a2/access${path}`;
        const headers = { authorization: `Bearer ${variables["CLOUDFLARE_API_TOKEN"] ?? ""}` };
        const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
        return ((await answer.json()) as { result: { id: string } }).result;
      };
      const urn = `urn:pulumi:${stack}::${project.name}::groundwork:index:AccessCheck$command:local:Command::access-check`;
      const change = () => {
        const words = `exec pulumi up --yes --skip-preview -s ${stack} --cwd '${project.directory}' --replace '${urn}'`;
        return runProgram("/bin/sh", ["-c", words], variables);
      };
      const policy = await call("POST", "/policies", {
        name: "by hand",
        decision: "bypass",
        include: [{ everyone: {} }],
      });
      const opened = await call("POST", "/apps", {
        name: "by hand",
        type: "self_hosted",
        destinations: [{ type: "public", uri: "stg.plyr.fm/*" }],
        policies: [{ id: policy.id, precedence: 1 }],
      });
      const asked = await home.run(["access", "check", ...named, "--json"]);
      expect(asked.code).toBe(1);
      expect(parsedAnswer("access check", asked.stdout).problems).toContainEqual(
        matching(/groundwork-access-check without a login is open/),
      );
      expect(asked.stderr).toContain(`${site}/groundwork-access-check without a login is open`);
      // Nothing in the stack file has changed, and it is found all the same.
      const unchanged = await home.run(["sandbox", ...named]);
      transcribe(`\na path opened by hand, then groundwork sandbox ${named.join(" ")}:`);
      for (const line of unchanged.stderr.trimEnd().split("\n").slice(-6)) transcribe(`  ${line}`);
      expect({ code: unchanged.code, stderr: unchanged.stderr }).toEqual({
        code: 1,
        stderr: matching(
          /nothing to change[^]*stg\.plyr\.fm\/groundwork-access-check without a login is open/,
        ),
      });
      const red = await change();
      expect(red.code).not.toBe(0);
      expect(red.all).toContain(`${site}/groundwork-access-check without a login is open`);
      expect(red.all).not.toContain(`${api}/ `);
      await call("DELETE", `/apps/${opened.id}`);
      await call("DELETE", `/policies/${policy.id}`);
      const green = await change();
      expect({ code: green.code, all: green.all }).toEqual({ code: 0, all: matching(/access-check/) });
      const well = await home.run(["access", "check", ...named, "--json"]);
      expect(parsedAnswer("access check", well.stdout)).toMatchObject({ stack, problems: [] });
      const again = await home.run(["access", "check", ...named]);
      expect({ code: again.code, all: again.all }).toEqual({
        code: 0,
        all: matching(/Access of staging holds: \d+ requests were refused as they must be, \d+ were let in/),
      });
    }, 300_000);

    // After all others: the last of them takes most of the environment away.
    describe("buckets", () => bucketTests(home, named, directory, record));
  }

  if (directory === "examples/pika") {
    test("the tunnel is there, configured for both services", async () => {
      const { stdout } = await home.run(["sandbox", "env", ...named]);
      const { CLOUDFLARE_API_TOKEN: token = "" } = exportedVariables(stdout);
      const ask = async (path: string): Promise<unknown> => {
        const url = `${record().api.url}/accounts/000000000000000000000000000000a3/cfd_tunnel${path}`;
        const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
        return ((await answer.json()) as { result: unknown }).result;
      };
      const [tunnel, ...others] = (await ask("?is_deleted=false")) as { id: string }[];
      expect(others).toEqual([]);
      const { config } = (await ask(`/${tunnel!.id}/configurations`)) as {
        config: { ingress: { service: string }[] };
      };
      expect(config.ingress.map(({ service }) => service)).toEqual([
        "http://caddy:3001",
        "http://caddy:3000",
        "http_status:404",
      ]);
    }, 60_000);

    test("curl and a WebSocket reach the services through the tunnel, and the API knows its connections", async () => {
      const { edge } = record();
      const [site, api] = Object.keys(answers).map((url) => new URL(url).hostname);
      const words = ["-sS", "--cacert", edge.caFile, "--connect-to", `::127.0.0.1:${edge.httpsPort}`];
      const { stdout } = await runProgram("curl", [...words, `https://${site!}/a`], {});
      transcribe(`through the tunnel, by curl:\n  https://${site!}/a  ${stdout.trim()}`);
      expect(JSON.parse(stdout)).toMatchObject({ standIn: true, service: "pika-web", path: "/a" });
      const options: object = {
        ca: readFileSync(edge.caFile),
        servername: api,
        headers: { host: api },
      };
      const socket = new WebSocket(`wss://127.0.0.1:${edge.httpsPort}/ws`, options);
      const received: string[] = [];
      socket.on("message", (data) => received.push((data as Buffer).toString()));
      await once(socket, "open");
      socket.send("dance");
      while (received.length < 2) await once(socket, "message");
      expect(JSON.parse(received[0]!)).toMatchObject({ service: "pika-cloud", path: "/ws" });
      expect(received[1]).toBe("dance");
      transcribe(`through the tunnel, by a WebSocket to wss://${api!}/ws:\n  ${received.join("\n  ")}`);
      socket.terminate();
      // No port of the machine leads to a service.
      const { portsFile } = hostLayout(folder.host);
      expect([80, 443, 3000, 3001].map((port) => resolvePort(portsFile, port))).toEqual(
        Array.from({ length: 4 }, () => undefined),
      );
    }, 60_000);
  }

  test("destroy leaves nothing behind", async () => {
    const { code, stderr } = await home.run(["sandbox", "destroy", ...named]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: matching(/nothing of/) });
    expect(existsSync(folder.root)).toBe(false);
    expect(existsSync(outsideFolder(hostLayout(folder.host)))).toBe(false);
    expect(existsSync(outsideFolder(hostLayout(join(folder.databases, "main"))))).toBe(false);
  }, 120_000);
});

/** Calls something as a command in that home, with that project, would. */
function within<T>(home: SandboxHome, directory: string, call: () => T): T {
  const { GROUNDWORK_HOME, GROUNDWORK_PROJECT } = process.env;
  try {
    Object.assign(process.env, { GROUNDWORK_HOME: home.folder, GROUNDWORK_PROJECT: directory });
    return call();
  } finally {
    for (const [name, value] of Object.entries({ GROUNDWORK_HOME, GROUNDWORK_PROJECT })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
