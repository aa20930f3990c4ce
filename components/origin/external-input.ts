import type { Ledger } from "./ledger";
import type { ProbeInput } from "./rollout-input";
import type { TargetPlace } from "./external-health";

/** Standard input of dist/external-release.js, as JSON. Secret. */
export interface ExternalReleaseInput {
  /** The origin's name, for messages. */
  readonly origin: string;
  readonly target: TargetPlace;
  /** The platform's own name of the application, under which its health is asked: it has a certificate from the start. */
  readonly targetName: string;
  /** Identity of the release: a hash over image, variables and commands. */
  readonly release: string;
  readonly image?: string | undefined;
  /** Program and arguments that release it. */
  readonly command: readonly string[];
  /** Program and arguments that bring an earlier one back. */
  readonly rollback?: readonly string[] | undefined;
  /** Program and arguments that take the last migration back. */
  readonly downgrade?: readonly string[] | undefined;
  /** The application's own variables, for `downgrade`. @default {} */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Variables of these commands besides IMAGE and RELEASE_ID. @default {} */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly timeoutSeconds: number;
  /** What the new release must answer. @default it is not asked */
  readonly healthPath?: string | undefined;
  readonly healthTimeoutSeconds: number;
  /** Texts that must not be shown. */
  readonly redact: readonly string[];
  /** What is asked of the public address meanwhile. @default nothing, and there is no ledger */
  readonly probe?: ProbeInput | undefined;
}

/** A release that went out, as later ones remember it. */
export interface ExternalRelease {
  readonly release: string;
  readonly image?: string | undefined;
  /** ISO 8601. */
  readonly at: string;
}

/** Last line of its standard output. Without secrets. */
export interface ExternalReleaseOutput extends ExternalRelease {
  readonly step: "external-release";
  readonly origin: string;
  readonly seconds: number;
  /** This release and those before it, the newest first. */
  readonly releases: readonly ExternalRelease[];
  readonly ledger?: Ledger;
}

/** Standard input of dist/external-command.js, as JSON. Secret. */
export interface ExternalCommandInput {
  /** What the command is for, for messages: `migrations`. */
  readonly what: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly redact: readonly string[];
  /** Changes with what the command must run again for; not looked at. */
  readonly trigger?: string;
}

/** Standard input of dist/external-certificates.js, as JSON. */
export interface ExternalCertificatesInput {
  readonly target: TargetPlace;
  readonly targetName: string;
  readonly hostnames: readonly string[];
  readonly timeoutSeconds: number;
  /** The command that asks the platform for a certificate, for the message. */
  readonly hint: string;
  readonly trigger?: string;
}
