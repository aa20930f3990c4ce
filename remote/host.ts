import type * as pulumi from "@pulumi/pulumi";

/** Where a host and port really are, as curl's `--resolve`: used by the sandbox. */
export interface ResolveOverride {
  readonly host: string;
  readonly port: number;
  readonly toAddress: string;
  readonly toPort: number;
}

/** Arguments of {@link RemoteHost}. */
export interface RemoteHostArgs {
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
  /** A host to jump over. @default none */
  readonly jump?: {
    readonly address: pulumi.Input<string>;
    readonly port?: number;
    readonly user: string;
    readonly privateKey: pulumi.Input<string>;
    readonly hostKey: pulumi.Input<string>;
  };
  /** Words before `docker`, such as `sudo -n`. @default none */
  readonly dockerPrefix?: string;
  /** Where hosts really are. @default [] */
  readonly resolve?: readonly ResolveOverride[];
  /** Further attempts at a connection that fails, about 1 s apart at first. @default 10 */
  readonly dialErrorLimit?: number;
  /** Seconds for one attempt. @default 15 */
  readonly perDialTimeout?: number;
}

/** A machine that is deployed to. Not a resource: it is what remote steps are made with. */
export class RemoteHost {
  constructor(readonly args: RemoteHostArgs) {}
}
