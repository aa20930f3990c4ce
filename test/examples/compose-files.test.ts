import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../../common/project-root";
import { loadProject } from "../../sandbox/host/process/compose-file";

const root = projectRoot();

interface Stack {
  config: {
    "groundwork:origins"?: Record<
      string,
      {
        composeFile?: string;
        files?: string[];
        services?: Record<string, { drainSeconds?: number; environment?: Record<string, unknown> }>;
        migrations?: { service: string };
      }
    >;
    "groundwork:databases"?: Record<
      string,
      { kind: string; origin?: string; service?: string; adminUser?: string }
    >;
  };
}

const stackFiles = [root, ...["pika", "plyr", "srq-hpn"].map((name) => join(root, "examples", name))].flatMap(
  (folder) =>
    readdirSync(folder)
      .filter((name) => /^Pulumi\..+\.yaml$/.test(name))
      .map((name) => join(folder, name)),
);

const origins = stackFiles.flatMap((file) => {
  const { config } = parse(readFileSync(file, "utf8")) as Stack;
  return Object.entries(config["groundwork:origins"] ?? {}).flatMap(([name, origin]) =>
    origin.composeFile === undefined
      ? []
      : [
          {
            title: `${relative(root, file)}, origin ${name}`,
            // Paths of a stack file begin where it lies.
            composeFile: relative(root, join(dirname(file), origin.composeFile)),
            files: (origin.files ?? []).map((path) => relative(root, join(dirname(file), path))),
            origin,
            databases: Object.values(config["groundwork:databases"] ?? {}).filter(
              (each) => each.origin === name,
            ),
          },
        ],
  );
});

function load(composeFile: string) {
  const warnings: string[] = [];
  const project = loadProject({
    files: [join(root, composeFile)],
    envFiles: [],
    cwd: root,
    environment: { POSTGRES_PASSWORD: "generated", COMPOSE_PROJECT_NAME: "test" },
    warn: (line) => warnings.push(line),
  });
  return { project, warnings };
}

describe("the compose files of the examples", () => {
  it("are named by stack files, all of them", () => {
    const named = [...new Set(origins.map(({ composeFile }) => composeFile))].sort();
    expect(named).toEqual([
      "examples/pika/compose.yaml",
      "examples/srq-hpn/compose.yaml",
      "examples/streampai/compose.yaml",
    ]);
  });

  it.each(origins)("have what $title says", ({ composeFile, files, origin, databases }) => {
    const { project, warnings } = load(composeFile);
    expect(warnings).toEqual([]);
    const services = Object.keys(project.services);
    expect(services).toEqual(expect.arrayContaining(Object.keys(origin.services ?? {})));
    if (origin.migrations !== undefined) expect(services).toContain(origin.migrations.service);
    for (const file of files) {
      expect(existsSync(join(root, file))).toBe(true);
      expect(relative(dirname(composeFile), file)).not.toMatch(/^\.\./);
    }
    expect(databases.length).toBeGreaterThan(0);
    for (const { service = "db", adminUser = "postgres" } of databases) {
      const database = project.services[service]!;
      expect(database.environment["POSTGRES_USER"] ?? "postgres").toBe(adminUser);
      expect(database.environment).not.toHaveProperty("POSTGRES_PASSWORD");
      expect(database.environment["POSTGRES_PASSWORD_FILE"]).toBe("/run/secrets/database_password");
      expect(database.environment["POSTGRES_INITDB_ARGS"]).toBe("--auth-host=scram-sha-256");
      expect(database.healthcheck?.test).toContain("pg_isready");
      expect(
        database.mounts.some(
          ({ type, target }) => type === "volume" && target.startsWith("/var/lib/postgresql"),
        ),
      ).toBe(true);
    }
  });

  it.each([...new Set(origins.map(({ composeFile }) => composeFile))])(
    "publish no port by themselves and are healthy by a check: %s",
    (composeFile) => {
      const { project } = load(composeFile);
      for (const service of Object.values(project.services)) {
        expect([service.name, service.ports]).toEqual([service.name, []]);
        expect([service.name, service.restart]).toEqual([service.name, "unless-stopped"]);
        // Caddy's certificate comes after its first start; the release is verified through it instead.
        if (service.name !== "caddy")
          expect([service.name, service.healthcheck]).not.toEqual([service.name, undefined]);
      }
    },
  );

  it("give Streampai's API longer to stop than it takes to drain", () => {
    const { project } = load("examples/streampai/compose.yaml");
    expect(project.services["api"]!.stopGraceMs).toBeGreaterThan(20_000);
  });
});
