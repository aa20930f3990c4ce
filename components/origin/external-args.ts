import type * as pulumi from "@pulumi/pulumi";
import type { OriginProbeArgs } from "../app-origin";

/**
 * How a release goes out at a platform. The commands run here, in the working directory, and find RELEASE_ID and IMAGE in
 * their environment, and PREVIOUS_RELEASE_ID and PREVIOUS_IMAGE where there was a release before.
 */
export interface ExternalReleaseArgs {
  /** Program and arguments that release the application, such as `["sh", "-c", "flyctl deploy --image \"$IMAGE\""]`. */
  readonly command: readonly string[];
  /** Image of the release, handed to the commands as IMAGE. @default none: the command knows what it releases */
  readonly image?: pulumi.Input<string> | undefined;
  /** Changed by hand or by a pipeline when a release must happen although nothing else here changed. @default none */
  readonly version?: pulumi.Input<string> | undefined;
  /** Runs before the release takes traffic, with the application's variables; a failure stops the release. @default none */
  readonly migrate?: readonly string[] | undefined;
  /** Brings the release back whose RELEASE_ID and IMAGE it finds. @default none: a failed release is left to the platform */
  readonly rollback?: readonly string[] | undefined;
  /** Takes the last migration back, with the application's variables: run by `groundwork rollback --downgrade`. @default none */
  readonly downgrade?: readonly string[] | undefined;
  /** Further variables of the commands. Secret. @default {} */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Seconds for each command. @default 1800 */
  readonly timeoutSeconds?: number | undefined;
  /** Seconds for the platform's application to be healthy after the command. @default 180 */
  readonly healthTimeoutSeconds?: number | undefined;
  /** Asks the public address while the release goes out; where it fails after it, the release is taken back. @default not asked */
  readonly probe?: OriginProbeArgs | undefined;
}
