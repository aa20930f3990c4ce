import { SecretsManagerClient, SecretsManagerServiceException } from "@aws-sdk/client-secrets-manager";
import { isObject, type Value, type Values } from "../values";

// The SDK warns of the Node.js that it will want one day, at every run.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

/** How Secrets Manager is reached: one client for each region that a resource names. */
export interface AwsConfig {
  readonly region: string;
  /** The client of a region. @default that of the provider's region */
  client(region?: Value): SecretsManagerClient;
}

/** The provider's settings; without keys the SDK looks where AWS's own tools do: environment, profile, role. */
export function readSettings(settings: Values): AwsConfig {
  const text = (name: string) => {
    const value = settings[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const region = text("region") ?? "";
  const [accessKeyId, secretAccessKey, sessionToken, profile] = [
    text("accessKey"),
    text("secretKey"),
    text("token"),
    text("profile"),
  ];
  const endpoint = endpointOf(settings["endpoints"]);
  const clients = new Map<string, SecretsManagerClient>();
  return {
    region,
    client(wanted) {
      const name = typeof wanted === "string" ? wanted : region;
      const known = clients.get(name);
      if (known !== undefined) return known;
      const made = new SecretsManagerClient({
        region: name,
        maxAttempts: Number(settings["maxRetries"] ?? 5),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(profile === undefined ? {} : { profile }),
        ...(accessKeyId === undefined || secretAccessKey === undefined
          ? {}
          : {
              credentials: {
                accessKeyId,
                secretAccessKey,
                ...(sessionToken === undefined ? {} : { sessionToken }),
              },
            }),
      });
      clients.set(name, made);
      return made;
    },
  };
}

/** `endpoints: [{ secretsmanager: "http://…" }]`. */
function endpointOf(endpoints: Value): string | undefined {
  const list: Value = typeof endpoints === "string" ? (JSON.parse(endpoints) as Value) : endpoints;
  if (!Array.isArray(list)) return undefined;
  const found = list.map((each) => (isObject(each) ? each["secretsmanager"] : undefined));
  return found.find((each): each is string => typeof each === "string" && each !== "");
}

/** Undefined where AWS says that there is no such secret or version. */
export async function unlessMissing<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

const nextSteps: readonly (readonly [RegExp, string])[] = [
  [
    /AccessDenied|UnauthorizedOperation/,
    "next: allow secretsmanager:CreateSecret, DescribeSecret, PutSecretValue, GetSecretValue, UpdateSecret, TagResource, " +
      "UntagResource and DeleteSecret on these secrets to whoever runs Groundwork",
  ],
  [/^HTTP 40[13]/, "next: check the credentials (aws sts get-caller-identity), and what they may do"],
  [
    /UnrecognizedClient|InvalidClientTokenId|SignatureDoesNotMatch|InvalidSignature|ExpiredToken|CredentialsProviderError/,
    "next: check the credentials (aws sts get-caller-identity), and the clock of this machine",
  ],
  [
    /ResourceExists/,
    "next: adopt it with `pulumi import`, or give the vault another prefix: two stacks must not share a secret",
  ],
  [
    /scheduled for deletion|marked for deletion/,
    "next: `aws secretsmanager restore-secret --secret-id NAME` and `pulumi import` it, or wait until it is gone",
  ],
  [/Throttling|TooManyRequests/, "next: run again in a minute"],
];

/** Does a request; its failure is told with the secret's name and what to do. AWS's messages hold no value of a secret. */
export async function asking<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const { $response: answer } = cause as { $response?: { statusCode?: number } };
    // What stands in between, such as a proxy, answers in its own words.
    const foreign = !(cause instanceof SecretsManagerServiceException) && answer?.statusCode !== undefined;
    const told = foreign ? `HTTP ${String(answer.statusCode)}` : `${cause.name}: ${cause.message}`;
    const next = nextSteps.find(([pattern]) => pattern.test(told))?.[1];
    throw new Error(`${what}: ${told}${next === undefined ? "" : `\n${next}`}`, { cause });
  }
}
