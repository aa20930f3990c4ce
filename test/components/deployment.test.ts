/**
 * A deployment's own resources, carried out in their order on the sandbox's host: no engine, but real SSH, real scripts,
 * a real PostgreSQL, a certificate signed for a key that stays on the host.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { AppOrigin, type ComposeOriginArgs } from "../../components/app-origin";
import type { RolloutInput } from "../../components/origin/rollout-input";
import { runRollout } from "../../components/origin/run-rollout";
import { PostgresWithAppUser } from "../../components/postgres-with-app-user";
import { RemoteHost } from "../../remote/host";
import { type Authority, createAuthority } from "../../sandbox/certificates";
import { TestHost } from "../sandbox/host/support";
import { Mocks, runWith } from "../support/mocks";

jest.setTimeout(180_000);

const fixtures = join(__dirname, "fixtures");
const folder = mkdtempSync(join(tmpdir(), "groundwork-deployment-"));
const passwords = new Map<string, string>();
/** What each step was given last, as the state of an engine. */
const state = new Map<string, string>();
let machine: TestHost;
let authority: Authority;

beforeAll(async () => {
  machine = await TestHost.start({
    images: [
      {
        names: ["ghcr.io/example/guestbook"],
        kind: "node-app",
        bundles: { "server.js": join(fixtures, "server.js"), "migrate.js": join(fixtures, "migrate.js") },
      },
      { names: ["postgres"], kind: "postgres" },
    ],
  });
  authority = await createAuthority(join(folder, "authority"), "Origin CA of a test");
});
afterAll(async () => {
  await machine.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs each step whose input has changed, as the engine and its provider do; returns the names of those that ran. */
async function deploy(changes: Partial<ComposeOriginArgs> = {}, migrationVariables = {}): Promise<string[]> {
  const ran: string[] = [];
  let failure: Error | undefined;
  const mocks = new Mocks({
    "random:index/randomBytes:RandomBytes": () => ({ base64: "c2VlZA==" }),
    "random:index/randomPassword:RandomPassword": (_inputs, name) => {
      const password = passwords.get(name) ?? randomBytes(30).toString("base64url");
      passwords.set(name, password);
      return { result: pulumi.secret(password) };
    },
    "command:remote:Command": async ({ create, stdin }, name) => {
      const before = state.get(name);
      const output = state.get(`${name} output`);
      if (before === stdin && output !== undefined) return { stdout: output };
      // What comes after a failure is not begun. The failure itself is thrown at the end: the mocks know no failed step.
      if (failure !== undefined) return { stdout: "{}" };
      const result = await machine.ssh(String(create), { input: String(stdin) });
      if (result.code !== 0) {
        failure = new Error(`${name} ended with ${String(result.code)}: ${result.stderr}`);
        return { stdout: "{}" };
      }
      ran.push(name);
      state.set(name, String(stdin)).set(`${name} output`, result.stdout);
      return { stdout: result.stdout };
    },
    // Only the release itself is started from here.
    "command:local:Command": async ({ stdin }, name) => {
      const before = state.get(name);
      const output = state.get(`${name} output`);
      if (before === stdin && output !== undefined) return { stdout: output };
      if (failure !== undefined) return { stdout: "{}" };
      const input = JSON.parse(String(stdin)) as RolloutInput;
      try {
        const result = JSON.stringify(await runRollout(input, () => undefined));
        ran.push(name);
        state.set(name, String(stdin)).set(`${name} output`, result);
        return { stdout: result };
      } catch (error) {
        failure = error as Error;
        return { stdout: "{}" };
      }
    },
    "cloudflare:index/originCaCertificate:OriginCaCertificate": async ({ csr, hostnames }) => {
      const key = `certificate ${String(csr)}`;
      const certificate =
        state.get(key) ??
        (await authority.signRequest(String(csr), { hostnames: hostnames as string[], days: 30 }));
      state.set(key, certificate);
      return { certificate };
    },
    "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
  });
  const host = new RemoteHost({
    address: "203.0.113.10",
    user: "deploy",
    hostKey: machine.host.hostKey,
    privateKey: readFileSync(machine.host.privateKeyFile ?? "", "utf8"),
    resolve: [{ host: "203.0.113.10", port: 22, toAddress: "127.0.0.1", toPort: machine.host.port }],
  });
  const program = () => {
    const database = new PostgresWithAppUser("main", {
      kind: "container",
      host,
      project: "guestbook",
      database: "guestbook",
    });
    return new AppOrigin("api", {
      kind: "compose",
      host,
      zoneId: "zone",
      hostnames: ["api.example.com"],
      publicAddresses: ["203.0.113.10"],
      project: "guestbook",
      composeFile: join(fixtures, "compose.yaml"),
      originCertificate: {},
      services: {
        api: {
          port: 4000,
          publish: 80,
          tls: { port: 4443, publish: 443 },
          healthPath: "/health",
          drainSeconds: 5,
        },
      },
      environment: { DATABASE_URL: database.appUrl, ODD: 'it\'s $5 "now"\n\\' },
      databases: [database],
      migrations: {
        service: "api",
        command: ["node", "migrate.js"],
        environment: { DATABASE_URL: database.migratorUrl, ...migrationVariables },
      },
      ...changes,
    });
  };
  await runWith(mocks, program);
  if (failure !== undefined) throw failure;
  return ran;
}

interface Answer {
  readonly id: number;
  readonly who: string;
  readonly dropped: string;
  readonly odd: string;
}

/** What the edge would see: TLS to the published port, the certificate checked against the authority. */
function ask(): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: machine.host.resolvePort(443),
        servername: "api.example.com",
        ca: authority.certificatePem,
        agent: false,
        path: "/entry",
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
        response.on("end", () => {
          if (response.statusCode === 200) resolve(JSON.parse(text) as Answer);
          else reject(new Error(`${response.statusCode ?? 0}: ${text}`));
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

const everyStep = [
  ...["api-certificate-installed", "api-certificate-request", "api-database", "api-files", "api-migrations"],
  ...["api-prepared", "api-rollout", "api-verified", "main-roles", "main-roles-after-migrations"],
];

test("a first deployment brings everything up; the application serves with its own rights only", async () => {
  expect((await deploy()).sort()).toEqual(everyStep);
  expect(await ask()).toEqual({
    id: expect.any(Number) as number,
    who: "guestbook_app_a",
    dropped: "42501",
    odd: 'it\'s $5 "now"\n\\',
  });
  const project = join(machine.host.home, "groundwork", "guestbook");
  expect(existsSync(join(project, "certificates", "origin.key"))).toBe(true);
  const [...logs] = ["rollout", "migrate", "postgres-roles", "write-files"].map((step) =>
    readFileSync(join(project, "logs", `${step}.log`), "utf8"),
  );
  for (const password of passwords.values()) expect(logs.join("\n")).not.toContain(password);
});

test("the same again runs nothing", async () => {
  expect(await deploy()).toEqual([]);
});

test("another variable is rolled out; the database and its rows stay", async () => {
  const before = await ask();
  const ran = await deploy({ secrets: { EXTRA: "more" } });
  expect(ran).toEqual(["api-files", "api-rollout", "api-verified"]);
  expect((await ask()).id).toBeGreaterThan(before.id);
});

test("migrations that fail stop the release, say why without the password, and what served still serves", async () => {
  const failure = await deploy({ release: "broken" }, { BREAK: "yes" }).catch(
    (error: Error) => error.message,
  );
  expect(failure).toMatch(/api-migrations ended with 20: .*the migrations failed with exit code 1/);
  expect(failure).toContain("broken by hand");
  for (const password of passwords.values()) expect(failure).not.toContain(password);
  expect((await ask()).who).toBe("guestbook_app_a");
});
