import type { Route } from "../call";
import { accessRoutes } from "./access";
import { accessAppRoutes } from "./access-apps";
import { accessPolicyRoutes } from "./access-policies";
import { accountRoutes } from "./account";
import { alertingRoutes } from "./alerting";
import { certificateRoutes } from "./certificates";
import { dnsRoutes } from "./dns";
import { healthCheckRoutes } from "./health-checks";
import { listRoutes } from "./lists";
import { originPullRoutes } from "./origin-pulls";
import { pagesAssetRoutes } from "./pages-assets";
import { pagesDeploymentRoutes } from "./pages-deployments";
import { pagesDomainRoutes } from "./pages-domains";
import { pagesProjectRoutes } from "./pages-projects";
import { queueRoutes } from "./queues";
import { r2AroundRoutes } from "./r2-around";
import { r2ObjectRoutes } from "./r2-objects";
import { r2BucketRoutes } from "./r2-buckets";
import { rulesetRoutes } from "./rulesets";
import { settingRoutes } from "./settings";
import { streamRoutes } from "./stream";
import { tokenRoutes } from "./tokens";
import { tunnelRoutes } from "./tunnels";
import { zoneDocumentRoutes } from "./zone-documents";
import { zoneRoutes } from "./zones";

/** Every endpoint of the API. */
export const routes: readonly Route[] = [
  ...accountRoutes,
  ...zoneRoutes,
  ...dnsRoutes,
  ...settingRoutes,
  ...zoneDocumentRoutes,
  ...rulesetRoutes,
  ...pagesProjectRoutes,
  ...pagesDomainRoutes,
  ...pagesDeploymentRoutes,
  ...pagesAssetRoutes,
  ...accessAppRoutes,
  ...accessPolicyRoutes,
  ...accessRoutes,
  ...r2BucketRoutes,
  ...r2AroundRoutes,
  ...r2ObjectRoutes,
  ...queueRoutes,
  ...tunnelRoutes,
  ...tokenRoutes,
  ...certificateRoutes,
  ...streamRoutes,
  ...alertingRoutes,
  ...healthCheckRoutes,
  ...listRoutes,
  ...originPullRoutes,
];
