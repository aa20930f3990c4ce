import type { Log } from "../../../common/log";
import { silent } from "../../../common/log";
import type { Step } from "../pipeline";
import { gateStep } from "./gate";
import { Logins } from "./logins";
import type { AccessView } from "./model";
import { SigningKey } from "./signing-key";
import { teamStep } from "./team";

/** What {@link openAccess} needs. */
export interface AccessOptions {
  readonly view: AccessView;
  /** Where the key and the sessions are kept. */
  readonly directory: string;
  /** Says where one-time PINs can be read, as nobody gets a mail. @default names the file */
  readonly pinHint?: string;
  /** @default silent */
  readonly log?: Log;
  /** The clock, for tests. Milliseconds since 1970. @default the system's */
  readonly now?: () => number;
}

/** The two places of Access in the edge's pipeline. */
export interface Access {
  /** Serves the team's domain. */
  readonly team: Step;
  /** Stands in front of applications. */
  readonly gate: Step;
}

/** Access as Cloudflare's edge enforces it, for the applications of a view. */
export async function openAccess({
  view,
  directory,
  pinHint = "Codes are in pins.json in the sandbox's folder of Access.",
  log = silent,
  now = Date.now,
}: AccessOptions): Promise<Access> {
  const [key, logins] = await Promise.all([SigningKey.open(directory), Logins.open(directory, now)]);
  const parts = { view, key, logins, pinHint, log, now };
  return { team: teamStep(parts), gate: gateStep(parts) };
}
