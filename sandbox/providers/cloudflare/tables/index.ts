import type { ResourceTable } from "../table";
import { accessTables } from "./access";
import { certificateTables } from "./certificates";
import { dnsTables } from "./dns";
import { monitoringTables } from "./monitoring";
import { pagesTables } from "./pages";
import { r2Tables } from "./r2";
import { rulesTables } from "./rules";
import { tokenTables } from "./tokens";
import { tunnelTables } from "./tunnel";
import { zoneSettingTables } from "./zone-settings";

/** Every resource type there is. One that is not here is refused by name. */
export const tables: readonly ResourceTable[] = [
  ...dnsTables,
  ...zoneSettingTables,
  ...pagesTables,
  ...accessTables,
  ...r2Tables,
  ...tunnelTables,
  ...tokenTables,
  ...rulesTables,
  ...certificateTables,
  ...monitoringTables,
];
