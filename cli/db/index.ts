import type { CommandDeclaration } from "../command";
import { dbAttack } from "./attack";
import { dbBackup } from "./backup";
import { dbBackups } from "./backups";
import { dbDrill } from "./drill";
import { dbPsql } from "./psql";
import { dbRehearse } from "./rehearse";
import { dbReset } from "./reset";
import { dbRestore } from "./restore";
import { dbRotate } from "./rotate";
import { dbSlots } from "./slots";
import { dbStatus } from "./status";
import { dbTunnel } from "./tunnel";

/** The commands on databases, in the order of the help. */
export const dbCommands: readonly CommandDeclaration[] = [
  dbAttack,
  dbRotate,
  dbBackup,
  dbBackups,
  dbDrill,
  dbRehearse,
  dbRestore,
  dbStatus,
  dbPsql,
  dbTunnel,
  dbSlots,
  dbReset,
] as readonly CommandDeclaration[];
