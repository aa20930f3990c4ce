import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provision, type ProvisionInput } from "../../../components/database/provision";
import { DatabaseRoles } from "../../support/database-roles";
import { startPostgres, type TestPostgres } from "../../support/postgres";

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), "groundwork-tls-"));
const path = (name: string) => join(folder, name);
let server: TestPostgres;

beforeAll(async () => {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-subj",
    "/CN=test authority",
    "-days",
    "7",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  openssl(
    ...[
      "req",
      "-x509",
      ...curve,
      "-subj",
      "/CN=db.example.com",
      "-addext",
      "subjectAltName=DNS:db.example.com",
    ],
    ...["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "7", "-keyout", "server.key", "-out", "server.pem"],
  );
  chmodSync(folder, 0o755);
  chmodSync(path("server.key"), 0o600);
  if (process.getuid?.() === 0) chownSync(path("server.key"), 65534, 65534);
  server = await startPostgres({
    ssl: "on",
    ssl_cert_file: path("server.pem"),
    ssl_key_file: path("server.key"),
  });
});
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

const input = (changes: Partial<ProvisionInput> = {}): ProvisionInput => ({
  host: "127.0.0.1",
  port: server.port,
  serverName: "db.example.com",
  tls: "verify-full",
  certificateAuthority: readFileSync(path("ca.pem"), "utf8"),
  adminUser: "postgres",
  adminPassword: server.password,
  adminDatabase: "postgres",
  database: "hosted",
  statements: "CREATE TABLE IF NOT EXISTS made (id int);",
  ...changes,
});

test("over verified TLS: the database is made once, the statements run each time", async () => {
  expect(await provision(input())).toEqual({ created: true });
  expect(await provision(input())).toEqual({ created: false });
  expect(await server.query<object>("hosted", "SELECT * FROM made")).toEqual([]);
});

test.each<[string, Partial<ProvisionInput>, RegExp]>([
  ["another name in the certificate", { serverName: "other.example.com" }, /altnames|does not match/i],
  ["an authority that is not the server's", { certificateAuthority: undefined }, /self-signed|unable to/i],
  ["a wrong password", { adminPassword: "wrong" }, /password authentication failed/],
])("%s is refused", async (_what, changes, message) => {
  await expect(provision(input(changes))).rejects.toThrow(message);
});

test("a failing statement takes the others back", async () => {
  const statements = "CREATE TABLE half (id int);\nSELECT no_such_function();";
  await expect(provision(input({ statements }))).rejects.toThrow("no_such_function");
  expect(await server.query<object>("hosted", "SELECT 1 FROM pg_class WHERE relname = 'half'")).toEqual([]);
});

test("three databases of one server at once do not disturb each other; the first one is the administrator's own", async () => {
  const roles = new DatabaseRoles(server);
  const names = ["together_1", "together_2", "together_3"];
  await server.query("postgres", "CREATE DATABASE together_1");
  const all = Array.from({ length: 8 }, () => names).flat();
  await Promise.all(
    all.map((database) =>
      provision(input({ adminDatabase: "together_1", database, statements: roles.statements(database) })),
    ),
  );
  for (const name of names) expect(await roles.attempt(`${name}_app_a`, name, "SELECT 1")).toBe("done");
});

test("what a migration makes later is open by the defaults, until the same statements have run again", async () => {
  const roles = new DatabaseRoles(server);
  const statements = roles.statements("later", { hiddenRelations: ["public.secrets"] });
  await provision(input({ database: "later", statements }));
  const migration =
    "CREATE TABLE schema_migrations (version int); CREATE TABLE secrets (id int); CREATE TABLE items (id int)";
  await roles.as("later_migrator", "later", (client) => client.query(migration));
  const tried = ["DELETE FROM schema_migrations", "SELECT * FROM secrets", "DELETE FROM items"];
  const attempts = () => Promise.all(tried.map((sql) => roles.attempt("later_app_a", "later", sql)));
  expect(await attempts()).toEqual(["done", "done", "done"]);
  await provision(input({ database: "later", statements }));
  expect(await attempts()).toEqual(["42501", "42501", "done"]);
});

test("a login that was ended loses its connections as well", async () => {
  const roles = new DatabaseRoles(server);
  const statements = (b: boolean) =>
    roles.statements("rotated", {
      appLogins: b
        ? [{ name: "rotated_app_a" }, roles.login("rotated_app_b")]
        : [roles.login("rotated_app_a"), { name: "rotated_app_b" }],
    });
  await provision(input({ database: "rotated", statements: statements(false) }));
  const ended = roles.as("rotated_app_a", "rotated", async (client) => {
    const cut = new Promise<string>((resolve) =>
      client.on("error", (error: Error) => resolve(error.message)),
    );
    await provision(input({ database: "rotated", statements: statements(true) }));
    return cut;
  });
  expect(await ended).toMatch(/terminating connection|terminated unexpectedly/);
  expect(await roles.attempt("rotated_app_a", "rotated", "SELECT 1")).toMatch(/^28/);
  expect(await roles.attempt("rotated_app_b", "rotated", "SELECT 1")).toBe("done");
});

/** Runs the program as the engine's `local.Command` does: bundled, its input by standard input. */
function run(values: ProvisionInput): Promise<{ code: number; stdout: string; stderr: string }> {
  execFileSync(process.execPath, [
    ...[
      "-e",
      'require("esbuild").buildSync({ entryPoints: [process.argv[1]], outfile: process.argv[2], bundle: true, platform: "node", external: ["pg-native"] })',
    ],
    join(__dirname, "../../../components/database/provision-main.ts"),
    path("program.js"),
  ]);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path("program.js")], { stdio: "pipe" });
    const result = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (result.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (result.stderr += chunk.toString()));
    child.on("close", (code) => resolve({ code: code ?? -1, ...result }));
    child.stdin.end(JSON.stringify(values));
  });
}

test("the program prints one line of JSON; a refusal is code 20, without the password", async () => {
  expect(await run(input())).toEqual({
    code: 0,
    stdout: '{"step":"postgres-roles","database":"hosted","created":false}\n',
    stderr: "",
  });
  const refused = await run(input({ adminPassword: "wrong-but-secret" }));
  expect(refused).toMatchObject({ code: 20, stdout: "" });
  expect(refused.stderr).toContain("db.example.com");
  expect(refused.stderr).not.toContain("wrong-but-secret");
});
