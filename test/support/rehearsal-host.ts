import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frames } from "../../remote/framing";
import { type BackupHost, fullPostgres } from "./backup-host";

/** What a server must be started with that stands for the copy's. */
export const copysSettings = {
  logging_collector: "on",
  log_destination: "csvlog",
  log_rotation_age: "0",
  log_rotation_size: "0",
  log_timezone: "UTC",
};

/** Writes an image: a folder with the programs `migrate`, which runs SQL as the migrating user, `health` and `smoke`. */
export function writeImage(
  home: string,
  image: string,
  {
    migrations = "",
    health = "true",
    smoke = "true",
  }: { migrations?: string; health?: string; smoke?: string },
): void {
  const folder = join(home, "images", image);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "migrations.sql"), migrations);
  const psql = `${fullPostgres ?? ""}/bin/psql -X -q -v ON_ERROR_STOP=1`;
  const programs = {
    migrate: `exec ${psql} -d "$DATABASE_URL" -f "${folder}/migrations.sql"`,
    // As the container of a release would find out, with the application's rights.
    health: `PGPASSWORD=$2 ${psql} -h 127.0.0.1 -p "$1" -U postgres -d shop -c "${health === "true" ? "SELECT 1" : health}"`,
    smoke,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
}

/** The release that serves. */
export function writeCurrent(root: string, image: string): void {
  mkdirSync(join(root, "current"), { recursive: true });
  writeFileSync(join(root, "current", "id"), "r1");
  writeFileSync(
    join(root, "current", "compose.release.json"),
    `{"services":{"api":{"image":"${image}","environment":{"RELEASE_ID":"r1"}}}}`,
  );
}

/** What the step is given for the image's migrations. */
export function rehearsalFrames({ roles }: BackupHost, image: string, changes: Frames = {}): Frames {
  const url = roles.url("shop_migrator", "shop").replace(/@127\.0\.0\.1:\d+\//, "@db:5432/");
  return {
    statements: roles.statements("shop"),
    aliases: "db",
    overlay: "services: {}\n",
    app: "api",
    release: "rehearsal",
    ...{ images: 1, image_1_service: "api", image_1_reference: image },
    ...{ arguments: 1, argument_1: "migrate" },
    ...{ variables: 1, variable_1_name: "DATABASE_URL", variable_1_value: url },
    timeout: 60,
    health: 20,
    ...{ checks: 1, check_1_service: "api" },
    ...changes,
  };
}
