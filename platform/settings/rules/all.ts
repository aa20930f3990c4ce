import { accessRules } from "./access";
import { bucketRules } from "./buckets";
import type { Rule } from "./context";
import { cookieRules } from "./cookies";
import { databaseRules } from "./databases";
import { devRules } from "./dev";
import { hostnameRules } from "./hostnames";
import { originRules } from "./origins";
import { portRules } from "./ports";
import { proxyRules } from "./proxies";
import { referenceRules } from "./references";
import { sealedSecrets, vaultRules } from "./secrets";
import { siteRules } from "./sites";
import { tunnelRules } from "./tunnels";
import { zoneRules } from "./zone";

/** Every rule about one stack that the schema alone cannot tell, except for missing secrets, which a sandbox has not. */
export const allRules: readonly Rule[] = [
  ...hostnameRules,
  ...originRules,
  ...proxyRules,
  ...portRules,
  ...databaseRules,
  ...accessRules,
  ...cookieRules,
  ...siteRules,
  ...bucketRules,
  ...tunnelRules,
  ...zoneRules,
  ...referenceRules,
  ...devRules,
  vaultRules,
  sealedSecrets,
];
