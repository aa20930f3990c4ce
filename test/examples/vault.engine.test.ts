import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { projectRoot } from "../../common/project-root";
import { SandboxHome } from "../support/command";
import { LeakScan } from "../support/leaks/leak-scan";
import { findMoto, type Moto, startMoto } from "../support/moto";

const found = findMoto();
const python = "python" in found ? found.python : "";
if ("problem" in found) console.log(`skipped: srq-hpn with its secrets in AWS: ${found.problem}`);

// A whole example with a vault: the real engine, SSH, PostgreSQL, and an emulator of AWS that checks signatures and policies.
(python === "" ? describe.skip : describe)("srq-hpn with its secrets in AWS Secrets Manager", () => {
  const home = new SandboxHome();
  const directory = mkdtempSync(join(tmpdir(), "gw-vault-project-"));
  let moto: Moto;
  let client: SecretsManagerClient;
  let version = "";
  let hostFolder = "";

  beforeAll(async () => {
    moto = await startMoto(python);
    client = new SecretsManagerClient({
      region: moto.region,
      endpoint: moto.endpoint,
      credentials: moto.keys,
    });
    cpSync(join(projectRoot(), "examples", "srq-hpn"), directory, { recursive: true });
    const reader = await moto.role("host", "GetSecretValue");
    const credentials = join(directory, "host-credentials");
    writeFileSync(
      credentials,
      `[default]\naws_access_key_id = ${reader.accessKeyId}\naws_secret_access_key = ${reader.secretAccessKey}\naws_session_token = ${reader.sessionToken ?? ""}\n`,
      { mode: 0o600 },
    );
    const file = join(directory, "Pulumi.prod.yaml");
    const vault = {
      kind: "aws",
      region: moto.region,
      endpoint: moto.endpoint,
      hostCredentialsFile: credentials,
    };
    writeFileSync(
      file,
      `${readFileSync(file, "utf8")}\n  groundwork:secretsVault: ${JSON.stringify(vault)}\n`,
    );
  }, 120_000);
  afterAll(async () => {
    await run("sandbox", "destroy", "-s", "prod");
    await home.remove([]);
    rmSync(directory, { recursive: true, force: true });
    for (const memory of ["/run", "/dev/shm"])
      rmSync(join(memory, `groundwork-${userInfo().uid}`, "srq-hpn"), { recursive: true, force: true });
    client.destroy();
    await moto.close();
  }, 180_000);

  const run = (...args: string[]) =>
    home.run([...args, "--directory", directory], {
      AWS_ACCESS_KEY_ID: moto.keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: moto.keys.secretAccessKey,
    });
  /** The values that the vault holds, and their version. */
  const stored = async () => {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: "srq-hpn/prod/app" }));
    const values = JSON.parse(answer.SecretString ?? "{}") as Record<string, string>;
    return { version: answer.VersionId ?? "", values };
  };
  /** Where the values are on the disk of the host. */
  const leaks = (values: Readonly<Record<string, string>>, folder: string) => {
    const scan = new LeakScan(Object.entries(values).map(([name, text]) => ({ name, text })));
    scan.files(folder);
    expect(scan.filesRead).toBeGreaterThan(5);
    return scan.leaks;
  };

  test("comes up: its API reaches the database with what the host has read from there", async () => {
    const { all, code } = await run("sandbox", "-s", "prod", "--without-docker");
    expect([all.split("\n").slice(-40).join("\n"), code]).toEqual([expect.anything(), 0]);
    const { values, version: first } = await stored();
    version = first;
    expect(values["GROUNDWORK_API_DATABASE_URL"]).toMatch(/^postgres(ql)?:\/\/srq_hpn_app_a:/);
    hostFolder = join(home.folder, "sandbox");
    const project = projectFolder(hostFolder);
    expect(readFileSync(join(project, ".vault"), "utf8")).toContain(`version ${version}`);
    expect(leaks(values, project)).toEqual([]);
    // The search does find them where the sandbox keeps, as Docker does, what a container was started with.
    expect(leaks(values, hostFolder).length).toBeGreaterThan(0);
  }, 300_000);

  test("a rotation is a new version, with which the API runs", async () => {
    const { all, code } = await run("db", "rotate", "-s", "prod");
    expect([all.split("\n").slice(-40).join("\n"), code]).toEqual([expect.anything(), 0]);
    const rotated = await stored();
    expect(rotated.version).not.toBe(version);
    expect(rotated.values["GROUNDWORK_API_DATABASE_URL"]).toMatch(/:\/\/srq_hpn_app_b:/);
    expect(leaks(rotated.values, projectFolder(hostFolder))).toEqual([]);
  }, 300_000);
});

/** The project's folder on the host of the one sandbox. */
function projectFolder(sandboxes: string): string {
  const folders = readdirSync(sandboxes).map((name) =>
    join(sandboxes, name, "host", "home", "groundwork", "srq-hpn"),
  );
  return folders.find((folder) => existsSync(folder)) ?? `${sandboxes}: no project of srq-hpn in it`;
}
