import type { Route } from "../call";
import { dnsRoutes } from "./dns";
import { settingRoutes } from "./settings";
import { zoneRoutes } from "./zones";

/** Every endpoint of the API. */
export const routes: readonly Route[] = [...zoneRoutes, ...dnsRoutes, ...settingRoutes];
