import * as pulumi from "@pulumi/pulumi";
import { remote } from "@pulumi/command";
import {
  type HostAccess,
  resolvePlace,
  type SshServer,
  sshServer,
  stepFrames,
  withFinalNewline,
} from "./access";
import { encodeFrames, type Frames } from "./framing";
import { stepCommand, stepInput, type RemoteStep } from "./scripts";

export { redactionList, resolvePlace } from "./access";

/** Where a host and port really are, as curl's `--resolve`: used by the sandbox. */
export interface ResolveOverride {
  readonly host: string;
  readonly port: number;
  readonly toAddress: string;
  readonly toPort: number;
}

/** How to reach an SSH server. */
export interface SshServerArgs {
  /** Host name, IPv4 or bare IPv6 address of the machine. */
  readonly address: pulumi.Input<string>;
  /** Port of its SSH server. @default 22 */
  readonly port?: number;
  /** Who logs in. */
  readonly user: string;
  /** Contents of the private key, not a file's name. Secret. */
  readonly privateKey: pulumi.Input<string>;
  /** The server's public key, `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp256 AAAA…`. Pinned: any other is refused. */
  readonly hostKey: pulumi.Input<string>;
}

/** Arguments of {@link RemoteHost}. */
export interface RemoteHostArgs extends SshServerArgs {
  /** A host to jump over. @default none */
  readonly jump?: SshServerArgs;
  /** Folder on the host below which each project has its own; relative to the user's home. @default "groundwork" */
  readonly directory?: string;
  /** Words before `docker`, such as `sudo -n`. @default none */
  readonly dockerPrefix?: string;
  /** Has a deployment install Docker and its compose plug-in where they are missing or too old; needs root or sudo. @default false */
  readonly installDocker?: boolean;
  /** Where hosts really are. @default [] */
  readonly resolve?: readonly ResolveOverride[];
  /** Further attempts at a connection that fails; they are spread over about 11 s. @default 10 */
  readonly dialErrorLimit?: number;
  /** Seconds for one attempt. @default 15 */
  readonly perDialTimeout?: number;
  /** Seconds a step waits for another one that works on the same project. @default 600 */
  readonly lockWaitSeconds?: number;
}

/** What a step needs besides its script. */
export interface StepArgs {
  readonly step: RemoteStep;
  /** Compose project on the host; all of its files lie in a folder of that name. */
  readonly project: string;
  /** Input of the script. The whole of it is secret, and a change of it is what makes the step run again. */
  readonly input: pulumi.Input<Frames>;
  /** Texts that must not be shown when the step fails. @default [] */
  readonly redact?: readonly pulumi.Input<string>[];
}

/**
 * A machine that is deployed to. Not a resource: it is what remote steps are made with, and the only thing that makes
 * them. A step is a `command.remote.Command` with fixed text; everything that varies goes by standard input, is secret,
 * and is neither logged nor sent back to the host. It has no `delete`: destroying a stack leaves the host as it is.
 *
 * @example
 * import { RemoteHost } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * const config = new pulumi.Config();
 * export const host = new RemoteHost({
 *   address: "203.0.113.10",
 *   user: "deploy",
 *   privateKey: config.requireSecret("sshPrivateKey"),
 *   hostKey: config.require("sshHostKey"),
 * });
 */
export class RemoteHost {
  readonly args: RemoteHostArgs;

  constructor(args: RemoteHostArgs) {
    this.args = args;
  }

  /** Makes a step. `opts` takes the parent and what must be done before. */
  step(name: string, args: StepArgs, opts: pulumi.CustomResourceOptions): remote.Command {
    const stdin = pulumi
      .all([args.input, pulumi.all([...(args.redact ?? [])])])
      .apply(([input, redact]) =>
        stepInput(args.step, encodeFrames(stepFrames(this.args, args.project, input, redact))),
      );
    return new remote.Command(
      name,
      {
        connection: this.connection(),
        create: stepCommand(args.step),
        stdin: pulumi.secret(stdin),
        logging: remote.Logging.None,
        addPreviousOutputInEnv: false,
      },
      { ...opts, additionalSecretOutputs: ["stdin", "stdout", "stderr"] },
    );
  }

  /** The host with all values known, for a program that speaks SSH itself. */
  access(): pulumi.Output<HostAccess> {
    const { jump, resolve, directory, dockerPrefix, lockWaitSeconds, dialErrorLimit, perDialTimeout } =
      this.args;
    const server = (args: SshServerArgs): pulumi.Output<SshServer> =>
      pulumi
        .all([args.address, args.privateKey, args.hostKey])
        .apply(([address, privateKey, hostKey]) =>
          sshServer({ ...args, address, privateKey, hostKey }, resolve),
        );
    return pulumi.secret(
      pulumi.all([server(this.args), jump === undefined ? undefined : server(jump)]).apply(([own, hop]) => ({
        server: own,
        jump: hop,
        directory,
        dockerPrefix,
        lockWaitSeconds,
        dialErrorLimit,
        perDialTimeout,
      })),
    );
  }

  /** Built field by field: the provider prints a whole connection that has a field it does not know. */
  private connection() {
    const { jump, resolve, dialErrorLimit = 10, perDialTimeout = 15 } = this.args;
    const server = (args: SshServerArgs) => {
      const place = pulumi
        .output(args.address)
        .apply((address) => resolvePlace(address, args.port ?? 22, resolve));
      return {
        host: place.apply(({ address }) => address),
        port: place.apply(({ port }) => port),
        user: args.user,
        privateKey: pulumi.secret(args.privateKey).apply(withFinalNewline),
        hostKey: pulumi.output(args.hostKey).apply((key) => key.trim()),
        dialErrorLimit,
        perDialTimeout,
      };
    };
    const connection = server(this.args);
    return pulumi.secret(jump === undefined ? connection : { ...connection, proxy: server(jump) });
  }
}

/** What is wrong with an SSH server's arguments, as pairs of member and problem. Outputs are not looked at. */
export function sshServerProblems(args: SshServerArgs): readonly (readonly [string, string])[] {
  const problems: [string, string][] = [];
  const { address, hostKey, port, privateKey, user } = args;
  if (typeof address === "string" && (address === "" || /[\s@/]/.test(address) || address.startsWith("-"))) {
    problems.push(["address", "is not a host name or address"]);
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    problems.push(["port", "is not a port (1 to 65535)"]);
  }
  if (!/^[a-z_][a-z0-9_.-]*\$?$/i.test(user)) problems.push(["user", "is not a user name"]);
  if (typeof privateKey === "string" && !/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(privateKey.trim())) {
    problems.push(["privateKey", "is not the text of a private key (it is not a file name)"]);
  }
  if (typeof hostKey === "string") {
    const key = hostKey.trim();
    if (key.startsWith("ssh-rsa ")) {
      problems.push(["hostKey", "is an RSA key, which current servers do not offer; take the ed25519 one"]);
    } else if (!/^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( \S.*)?$/.test(key)) {
      problems.push(["hostKey", "is not a line `ssh-ed25519 AAAA…` (no host name before it)"]);
    }
  }
  return problems;
}
