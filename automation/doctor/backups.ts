import type { BackupList } from "../database/backups";
import type { Finding } from "./finding";

/** Whether a database's backups come and are proved. Pure. */
export function backupFindings(
  database: string,
  { backups, late, restore, warnings }: Pick<BackupList, "backups" | "late" | "restore" | "warnings">,
  stack: string,
): Finding[] {
  const [newest] = backups;
  const subject = `backups of ${database}`;
  const on = `-s ${stack} --database ${database}`;
  const says = newest === undefined ? "there is none yet" : `the newest is of ${newest.at.slice(0, 16)}Z`;
  return [
    late === undefined
      ? { subject, state: "well", says }
      : { subject, state: "bad", says: late, next: `npx groundwork db backup ${on}` },
    restore.state === "fresh"
      ? { subject: `restore of ${database}`, state: "well", says: restore.says }
      : {
          subject: `restore of ${database}`,
          state: "bad",
          says: restore.says,
          next: `npx groundwork db drill ${on}`,
        },
    ...warnings.map((warning): Finding => ({ subject, state: "look", says: warning })),
  ];
}
