import type { CommandDeclaration } from "../command";
import { dbCommands } from "../db";
import { completionOf } from "./completion";
import { envCommands } from "../env";
import { adopt } from "./adopt";
import { ciCommand } from "./ci";
import { accessCheck } from "./access-check";
import { destroy } from "./destroy";
import { doctor } from "./doctor";
import { drift } from "./drift";
import { history } from "./history";
import { init } from "./init";
import { outputs } from "./outputs";
import { preview } from "./preview";
import { refresh } from "./refresh";
import { release } from "./release";
import { releases } from "./releases";
import { rollback } from "./rollback";
import { sandbox } from "./sandbox";
import { sandboxDestroy } from "./sandbox-destroy";
import { sandboxEnv } from "./sandbox-env";
import { sandboxStatus } from "./sandbox-status";
import { sandboxStop } from "./sandbox-stop";
import { start } from "./start";
import { token } from "./token";
import { unlock } from "./unlock";
import { up } from "./up";

/** Every command, in the order of the help. */
export const commands: readonly CommandDeclaration[] = [
  start,
  init,
  adopt,
  token,
  preview,
  up,
  refresh,
  drift,
  doctor,
  outputs,
  release,
  releases,
  rollback,
  history,
  unlock,
  destroy,
  ciCommand(() => commands.map(({ name }) => name)),
  ...envCommands,
  accessCheck,
  ...dbCommands,
  sandbox,
  sandboxEnv,
  sandboxStatus,
  sandboxStop,
  sandboxDestroy,
  completionOf(() => commands),
] as readonly CommandDeclaration[];
