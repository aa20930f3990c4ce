import type { FieldRule } from "../shape";
import { sameUnordered } from "../state";
import type { ResourceTable } from "../table";

/** The value of a `secret_text` comes back empty: the recorded one stays. */
const variable: FieldRule = {
  secret: true,
  kept: (found) => found === "" || found === undefined || found === null,
};

const deployment = (name: string): Record<string, FieldRule> => ({
  [`${name}.envVars.*.value`]: { secret: true },
  [`${name}.buildConfig.webAnalyticsToken`]: { secret: true },
});

const configuration = (name: string): Record<string, FieldRule> => {
  const path = `deploymentConfigs.${name}`;
  return {
    [path]: { default: {} },
    [`${path}.alwaysUseLatestCompatibilityDate`]: { default: false },
    [`${path}.buildImageMajorVersion`]: { default: 3 },
    [`${path}.failOpen`]: { default: true },
    [`${path}.usageModel`]: { default: "standard" },
    [`${path}.envVars.*.value`]: variable,
  };
};

export const pagesTables: readonly ResourceTable[] = [
  {
    name: "PagesProject",
    create: "POST /accounts/{accountId}/pages/projects",
    read: "GET /accounts/{accountId}/pages/projects/{name}",
    update: "PATCH /accounts/{accountId}/pages/projects/{name}",
    delete: "DELETE /accounts/{accountId}/pages/projects/{name}",
    id: "name",
    importId: "accountId/name",
    replace: ["accountId", "name"],
    rules: {
      "buildConfig.webAnalyticsToken": { secret: true },
      domains: { same: sameUnordered },
      ...configuration("preview"),
      ...configuration("production"),
      ...deployment("canonicalDeployment"),
      ...deployment("latestDeployment"),
    },
  },
  {
    name: "PagesDomain",
    create: "POST /accounts/{accountId}/pages/projects/{projectName}/domains",
    read: "GET /accounts/{accountId}/pages/projects/{projectName}/domains/{name}",
    delete: "DELETE /accounts/{accountId}/pages/projects/{projectName}/domains/{name}",
    id: "name",
    importId: "accountId/projectName/name",
    replace: ["accountId", "projectName", "name"],
    rules: { domainId: { answer: "id" } },
  },
];
