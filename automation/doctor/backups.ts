import type { BackupList } from "../database/backups";
import type { ProofState } from "../database/proof";
import type { Finding } from "./finding";

/** Whether a database's backups come and are proved. Pure. */
export function backupFindings(
  database: string,
  list: Pick<BackupList, "backups" | "late" | "warnings">,
  proof: ProofState,
  stack: string,
): Finding[] {
  const [newest] = list.backups;
  const subject = `backups of ${database}`;
  const on = `-s ${stack} --database ${database}`;
  const says = newest === undefined ? "there is none yet" : `the newest is of ${newest.at.slice(0, 16)}Z`;
  return [
    list.late === undefined
      ? { subject, state: "well", says }
      : { subject, state: "bad", says: list.late, next: `npx groundwork db backup ${on}` },
    proof.state === "fresh"
      ? { subject: `restore of ${database}`, state: "well", says: proof.says }
      : {
          subject: `restore of ${database}`,
          state: "bad",
          says: proof.says,
          next: `npx groundwork db drill ${on}`,
        },
    // What they say of proofs stands above.
    ...list.warnings
      .filter((warning) => !/db drill/.test(warning))
      .map((warning): Finding => ({ subject, state: "look", says: warning })),
  ];
}
