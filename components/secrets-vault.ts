import * as pulumi from "@pulumi/pulumi";
import { componentType } from "./shared/names";
import { Issues, refuse } from "./shared/validation";

/** Arguments of {@link SecretsVault}. */
export interface SecretsVaultArgs {
  /** AWS Secrets Manager. */
  readonly kind: "aws";
  /** AWS region, such as `eu-central-1`. */
  readonly region: string;
  /** What the secrets' names start with. @default "<project>/<stack>/" */
  readonly prefix?: string | undefined;
  /** Days for which a deleted secret can be had back: 0, or 7 to 30. @default 30 */
  readonly recoveryDays?: number | undefined;
  /** Id, ARN or alias of a KMS key. @default AWS's own key for secrets */
  readonly kmsKeyId?: string | undefined;
  /** Address of the service. @default AWS's own in the region */
  readonly endpoint?: string | undefined;
  /** Key with which secrets are written from here. @default what AWS's own tools find: environment, profile, role */
  readonly accessKeyId?: pulumi.Input<string> | undefined;
  /** Goes with `accessKeyId`. @default as there */
  readonly secretAccessKey?: pulumi.Input<string> | undefined;
  /**
   * Path on the host of a file with AWS credentials, mode 0600, with which the host reads its secret.
   * @default the role of the instance (EC2), by IMDSv2
   */
  readonly hostCredentialsFile?: string | undefined;
  /** Where an instance asks for its role. @default "http://169.254.169.254" */
  readonly metadataEndpoint?: string | undefined;
}

/** Where a host finds one secret. Nothing of it is secret. */
export interface VaultReference {
  readonly region: string;
  readonly endpoint: string;
  /** The secret's ARN. */
  readonly secret: string;
  /** Id of the version, which changes with the value. */
  readonly version: string;
  /** `instance-role`, or a file's path on the host. */
  readonly credentials: string;
  readonly metadata: string;
}

type Make<Args> = new (name: string, args: Args, opts: pulumi.CustomResourceOptions) => pulumi.CustomResource;

/**
 * The files of `@pulumi/aws` that are needed, read only where a vault is made: the whole package is 84 MB, and its types
 * alone would double the time of a type check.
 */
/* eslint-disable @typescript-eslint/no-require-imports */
const load = {
  provider: () =>
    (require("@pulumi/aws/provider") as { Provider: new (...args: never[]) => pulumi.ProviderResource })
      .Provider as new (name: string, args: object, opts: pulumi.ResourceOptions) => pulumi.ProviderResource,
  secret: () =>
    (require("@pulumi/aws/secretsmanager/secret") as { Secret: Make<object> }).Secret as new (
      ...args: ConstructorParameters<Make<object>>
    ) => pulumi.CustomResource & { readonly arn: pulumi.Output<string> },
  version: () =>
    (require("@pulumi/aws/secretsmanager/secretVersion") as { SecretVersion: Make<object> })
      .SecretVersion as new (
      ...args: ConstructorParameters<Make<object>>
    ) => pulumi.CustomResource & { readonly versionId: pulumi.Output<string> },
};
/* eslint-enable @typescript-eslint/no-require-imports */

/**
 * Keeps the secrets of origins in AWS Secrets Manager instead of in files on their hosts. Each origin has one secret, a JSON
 * object of its variables, and each change of a value is a new version, which makes a new release. The host reads the
 * version of its release by itself, at the release's start and after its own restart, into memory.
 *
 * Destroying the stack deletes the secrets; AWS keeps them for `recoveryDays`.
 *
 * @example
 * // The smallest: hosts on EC2, whose role may read the secrets.
 * import { SecretsVault } from "groundwork/components";
 *
 * export const vault = new SecretsVault("vault", { kind: "aws", region: "eu-central-1" });
 *
 * @example
 * // Everything: a host elsewhere, with a file of credentials.
 * import { AppOrigin, RemoteHost, SecretsVault } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * declare const host: RemoteHost;
 * const config = new pulumi.Config();
 * const vault = new SecretsVault("vault", {
 *   kind: "aws",
 *   region: "eu-central-1",
 *   prefix: "acme/production/",
 *   recoveryDays: 30,
 *   kmsKeyId: "alias/acme",
 *   accessKeyId: config.requireSecret("awsAccessKeyId"),
 *   secretAccessKey: config.requireSecret("awsSecretAccessKey"),
 *   hostCredentialsFile: "/etc/acme/aws-credentials",
 * });
 * export const origin = new AppOrigin("api", {
 *   kind: "compose",
 *   host,
 *   vault,
 *   zoneId: "000000000000000000000000000020e1",
 *   hostnames: ["api.example.com"],
 *   publicAddresses: ["203.0.113.10"],
 *   composeFile: "compose.yaml",
 *   services: { api: { port: 4000, publish: 80, healthPath: "/health" } },
 *   secrets: { SECRET_KEY_BASE: config.requireSecret("secretKeyBase") },
 * });
 */
export class SecretsVault extends pulumi.ComponentResource {
  readonly region: pulumi.Output<string>;
  /** What the secrets' names start with. */
  readonly prefix: pulumi.Output<string>;

  private readonly provider: pulumi.ProviderResource;
  private readonly namePrefix: string;

  constructor(
    name: string,
    private readonly args: SecretsVaultArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(componentType("SecretsVault"), name, {}, opts);
    refuse(this, "SecretsVault", name, vaultIssues(args));
    this.namePrefix = args.prefix ?? `${pulumi.getProject()}/${pulumi.getStack()}/`;
    this.region = pulumi.output(args.region);
    this.prefix = pulumi.output(this.namePrefix);
    const Provider = load.provider();
    this.provider = new Provider(
      `${name}-aws`,
      {
        region: args.region,
        accessKey: args.accessKeyId,
        secretKey: args.secretAccessKey,
        // What stands at another address is no AWS, which would be asked who is there.
        ...(args.endpoint === undefined
          ? {}
          : {
              endpoints: [{ secretsmanager: args.endpoint }],
              skipCredentialsValidation: true,
              skipMetadataApiCheck: true,
              skipRequestingAccountId: true,
            }),
      },
      { parent: this },
    );
    this.registerOutputs({ region: this.region, prefix: this.prefix });
  }

  /** Puts values there under the prefix and a name; tells where a host finds them. */
  store(
    name: string,
    values: pulumi.Output<Readonly<Record<string, string>>>,
    opts: { readonly parent?: pulumi.Resource } = {},
  ): pulumi.Output<VaultReference> {
    const { region, recoveryDays, kmsKeyId, endpoint, hostCredentialsFile, metadataEndpoint } = this.args;
    const [Secret, SecretVersion] = [load.secret(), load.version()];
    const options = { parent: opts.parent ?? this, provider: this.provider };
    const secret = new Secret(
      `${name}-vault`,
      {
        name: `${this.namePrefix}${name}`,
        description: `Variables of ${name}, written by Groundwork (${pulumi.getProject()}, stack ${pulumi.getStack()})`,
        recoveryWindowInDays: recoveryDays ?? 30,
        kmsKeyId,
      },
      options,
    );
    const version = new SecretVersion(
      `${name}-vault-version`,
      {
        secretId: secret.arn,
        // In an order of its own: another order would be another version.
        secretString: pulumi.secret(
          values.apply((known) =>
            JSON.stringify(
              Object.fromEntries(Object.entries(known).sort(([one], [other]) => (one < other ? -1 : 1))),
            ),
          ),
        ),
      },
      options,
    );
    return pulumi.all([secret.arn, version.versionId]).apply(([arn, id]) => ({
      region,
      endpoint: endpoint ?? `https://secretsmanager.${region}.${domainOf(region)}`,
      secret: arn,
      version: id,
      credentials: hostCredentialsFile ?? "instance-role",
      metadata: metadataEndpoint ?? "http://169.254.169.254",
    }));
  }
}

function domainOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/** What is wrong with a vault's arguments. */
function vaultIssues(args: SecretsVaultArgs): Issues {
  const issues = new Issues();
  const { region, prefix, recoveryDays, accessKeyId, secretAccessKey, hostCredentialsFile } = args;
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region))
    issues.add("region", "is not an AWS region", { value: region, allowed: "such as eu-central-1" });
  if (prefix !== undefined && !/^[A-Za-z0-9/_+=.@-]{1,400}$/.test(prefix))
    issues.add("prefix", "is not taken by AWS", { value: prefix, allowed: "letters, digits and /_+=.@-" });
  if (recoveryDays !== undefined && recoveryDays !== 0 && !(recoveryDays >= 7 && recoveryDays <= 30))
    issues.add("recoveryDays", "is not taken by AWS", { value: recoveryDays, allowed: "0, or 7 to 30" });
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    issues.add("secretAccessKey", "goes with accessKeyId: both, or neither");
  if (hostCredentialsFile !== undefined && !/^\/[A-Za-z0-9._/-]+$/.test(hostCredentialsFile))
    issues.add("hostCredentialsFile", "is not an absolute path", { value: hostCredentialsFile });
  return issues;
}
