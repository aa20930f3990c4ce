import type { ProviderDefinition } from "../definition";
import { type AwsConfig, readSettings } from "./client";
import { secretResource } from "./secret";
import { secretVersion } from "./secret-version";

/**
 * The provider of `@pulumi/aws`, over AWS's own SDK. Only what a vault of secrets needs: other types, and inputs that are
 * not in the tables, are refused by name.
 */
export const provider: ProviderDefinition<AwsConfig> = {
  name: "aws",
  version: "7.48.0",
  config: {
    region: { required: true },
    accessKey: { secret: true },
    secretKey: { secret: true },
    token: { secret: true },
    profile: {},
    endpoints: {},
    maxRetries: {},
    // What the real one asks AWS about itself at its start; this one asks nothing.
    skipCredentialsValidation: {},
    skipMetadataApiCheck: {},
    skipRegionValidation: {},
    skipRequestingAccountId: {},
  },
  configure: readSettings,
  resources: {
    "aws:secretsmanager/secret:Secret": secretResource,
    "aws:secretsmanager/secretVersion:SecretVersion": secretVersion,
  },
};
