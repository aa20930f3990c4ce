/** What `--json` prints, command by command: schemas/json has a JSON Schema of each, made from these. */
import { z } from "zod";
import { reportSchema } from "../../report/schema";
import * as databases from "./databases";
import * as environments from "./environments";
import * as releases from "./releases";
import * as tools from "./tools";

/** By the command's name. What one prints with an option that makes it do something else stands beside it. */
export const jsonSchemas = {
  start: environments.started,
  "start --destroy": environments.sandboxDestroyed,
  init: tools.init,
  adopt: tools.adopt,
  token: tools.token,
  preview: reportSchema,
  up: reportSchema,
  refresh: reportSchema,
  drift: environments.drift,
  doctor: tools.doctor,
  outputs: environments.outputs,
  release: releases.release,
  "release --abandon": releases.abandoned,
  releases: releases.releases,
  rollback: releases.rollback,
  history: environments.history,
  unlock: environments.unlocked,
  "unlock --look": environments.lockState,
  destroy: reportSchema,
  ci: tools.pipelines,
  "env up": environments.envUp,
  "env list": environments.envList,
  "env extend": environments.envExtend,
  "env gc": environments.envGc,
  "access check": tools.access,
  "db attack": databases.attack,
  "db rotate": databases.rotate,
  "db backup": databases.backupMade,
  "db backups": databases.backups,
  "db drill": databases.drill,
  "db rehearse": databases.rehearsal,
  "db restore": databases.restore,
  "db restore --drop-kept": databases.droppedKept,
  "db status": databases.status,
  "db tunnel": databases.tunnel,
  "db slots": databases.slots,
  "db reset": databases.reset,
  sandbox: environments.started,
  "sandbox env": environments.sandboxEnv,
  "sandbox status": environments.sandboxStatus,
  "sandbox stop": environments.sandboxStopped,
  "sandbox destroy": environments.sandboxDestroyed,
} as const;

/** A command, or one with the option that makes its answer another. */
export type Answering = keyof typeof jsonSchemas;

export const answering = Object.keys(jsonSchemas) as Answering[];

/** The file of a command's schema, below the project's root. */
export function jsonSchemaFile(command: Answering): string {
  return `schemas/json/${command.replace(/ (--)?/g, "-")}.schema.json`;
}

/** File name -> JSON Schema of what a command prints. */
export function jsonSchemaFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    answering.map((command) => {
      const title = `Answer of groundwork ${command} --json`;
      const text = JSON.stringify(
        { ...z.toJSONSchema(jsonSchemas[command], { io: "input" }), title },
        undefined,
        2,
      );
      return [jsonSchemaFile(command), `${text}\n`];
    }),
  );
}
