import { z } from "zod";
import { checked, field } from "./field";
import { secretName } from "./values";

const REGION = "a region such as eu-central-1";
const NAME = "letters, digits and /_+=.@-";
const ADDRESS = "http:// or https:// and a host name, without a path";
const PATH = "an absolute path, such as /etc/acme/aws-credentials";
const DAYS = "0, or 7 to 30";

const matching = (pattern: RegExp, what: string, allowed: string) =>
  checked(z.string(), (value) => (pattern.test(value) ? undefined : { what, allowed }));

const address = (description: string, example: string) =>
  field(matching(/^https?:\/\/[^/\s@?#]+$/, "this is not the address of a service", ADDRESS), {
    description,
    examples: [example],
    allowed: ADDRESS,
  });

/** Where secret values lie instead of in files of the hosts. */
export const secretsVault = field(
  z.strictObject({
    kind: field(z.literal("aws"), { description: "AWS Secrets Manager." }),
    region: field(matching(/^[a-z]{2}(-[a-z]+)+-\d$/, "this is not an AWS region", REGION), {
      description: "The AWS region.",
      examples: ["eu-central-1"],
      allowed: REGION,
    }),
    prefix: field(matching(/^[A-Za-z0-9/_+=.@-]{1,400}$/, "AWS does not take this name", NAME), {
      description: "What the secrets' names start with. Default: `<project>/<stack>/`.",
      examples: ["srq-hpn/prod/"],
      allowed: NAME,
    }).optional(),
    recoveryDays: field(
      checked(z.int(), (value) =>
        value === 0 || (value >= 7 && value <= 30)
          ? undefined
          : { what: "AWS does not take this recovery window", allowed: DAYS },
      ),
      {
        description:
          "How long a deleted secret can be had back; 0: it is gone at once. Default: 30 in production, else 0.",
        unit: "days",
        examples: [30],
        allowed: DAYS,
      },
    ).optional(),
    kmsKeyId: field(
      matching(/^[A-Za-z0-9:/_-]{1,2048}$/, "this is not a KMS key", "an id, an ARN, or alias/…"),
      {
        description: "Id, ARN or alias of the KMS key that encrypts. Default: AWS's own for secrets.",
        examples: ["alias/srq-hpn"],
        allowed: "an id, an ARN, or alias/…",
      },
    ).optional(),
    endpoint: address(
      "The service's address. Default: AWS's own in the region.",
      "http://127.0.0.1:5000",
    ).optional(),
    accessKeyIdSecret: secretName(
      "The entry of groundwork:secrets that holds the id of the key with which secrets are written. Default: what AWS's own tools find (environment, profile, role).",
    ).optional(),
    secretAccessKeySecret: secretName(
      "The entry of groundwork:secrets that holds that key's secret; with `accessKeyIdSecret`.",
    ).optional(),
    hostCredentialsFile: field(matching(/^\/[A-Za-z0-9._/-]+$/, "this is not an absolute path", PATH), {
      description:
        "A file on the hosts with AWS credentials, mode 0600, by which they read their secrets. Default: the role of the EC2 instance, by IMDSv2.",
      examples: ["/etc/acme/aws-credentials"],
      allowed: PATH,
    }).optional(),
    metadataEndpoint: address(
      "Where an instance asks for its role. Default: http://169.254.169.254.",
      "http://[fd00:ec2::254]",
    ).optional(),
  }),
  {
    description:
      "Keeps secret values of origins in AWS Secrets Manager instead of in files of their hosts. Default: 0600 files.",
  },
);
