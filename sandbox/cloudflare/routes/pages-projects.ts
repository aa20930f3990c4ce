import { z } from "zod";
import type { Call, Route } from "../call";
import { type Answer, paginate, refuse } from "../envelope";
import { stableId, uuid } from "../ids";
import type { Json, PagesProjectRow } from "../model";
import { deploymentsOf, domainsOf } from "../pages-model";
import { accountLimits } from "../plan";
import { parse } from "../validate";
import { deploymentBody } from "./pages-deployments";

const needs = ["Pages"];
const path = "/accounts/{account_id}/pages/projects";
const one = `${path}/{project_name}`;
const errors = { code: 8000005, prefix: "Invalid request body: " };

const bag = z.record(z.string(), z.unknown());
const environment = bag.nullish();
const editable = {
  production_branch: z.string().min(1).optional(),
  build_config: bag.nullish(),
  deployment_configs: z.looseObject({ production: environment, preview: environment }).nullish(),
  source: bag.nullish(),
};
const create = z.object({ ...editable, name: z.string(), production_branch: z.string().min(1) });
const edit = z.object({ ...editable, name: z.string().optional() });

export const pagesProjectRoutes: readonly Route[] = [
  { method: "POST", path, needs, handle: add },
  {
    method: "GET",
    path,
    needs,
    handle: (call) => {
      const { page, resultInfo } = paginate(call.store.list("pagesProjects"), call.query, { perPage: 10 });
      return { result: page.map((row) => projectBody(row, call)), resultInfo };
    },
  },
  { method: "GET", path: one, needs, handle: (call) => ({ result: projectBody(projectOf(call), call) }) },
  { method: "PATCH", path: one, needs, handle: change },
  { method: "DELETE", path: one, needs, handle: remove },
  {
    method: "POST",
    path: `${one}/purge_build_cache`,
    needs,
    handle: (call) => (projectOf(call), { result: null }),
  },
];

export function projectOf({ store, params }: Pick<Call, "store" | "params">): PagesProjectRow {
  const row = store.get("pagesProjects", params["project_name"]!);
  if (row === undefined) {
    throw refuse(
      404,
      8000007,
      "Project not found. The specified project name does not match any of your existing projects.",
    );
  }
  return row;
}

function add(call: Call): Answer {
  const { store } = call;
  const body = parse(create, call.body ?? {}, errors);
  if (!/^[a-z0-9][a-z0-9-]{0,57}$/.test(body.name)) {
    throw refuse(
      400,
      8000003,
      "Invalid project name. It must start with a letter or digit and hold up to 58 lower-case letters, digits and hyphens.",
    );
  }
  if (store.get("pagesProjects", body.name) !== undefined) {
    throw refuse(409, 8000002, "A project with this name already exists. Choose a different project name.");
  }
  if (store.list("pagesProjects").length >= accountLimits.pagesProjects) {
    throw refuse(400, 8000027, `You have reached the limit of ${accountLimits.pagesProjects} projects.`);
  }
  const configs = { preview: initialConfig(call), production: initialConfig(call) };
  const row: PagesProjectRow = {
    id: uuid(),
    name: body.name,
    subdomain: `${body.name}.${call.pagesDomain}`,
    productionBranch: body.production_branch,
    buildConfig: body.build_config ?? {},
    deploymentConfigs: mergeConfigs(configs, body.deployment_configs),
    source: body.source ?? undefined,
    createdOn: call.time,
  };
  return { result: projectBody(store.put("pagesProjects", row.name, row), call) };
}

function initialConfig({ time }: Call): Json {
  return {
    always_use_latest_compatibility_date: false,
    build_image_major_version: 3,
    compatibility_date: time.slice(0, 10),
    compatibility_flags: [],
    fail_open: true,
    usage_model: "standard",
  };
}

function change(call: Call): Answer {
  const before = projectOf(call);
  const body = parse(edit, call.body ?? {}, errors);
  if (body.name !== undefined && body.name !== before.name)
    throw refuse(400, 8000003, "The name of a project cannot be changed.");
  if ((body.source ?? undefined) !== undefined && before.source === undefined) {
    throw refuse(400, 8000011, "A project made for direct upload cannot be connected to a repository.");
  }
  const row: PagesProjectRow = {
    ...before,
    productionBranch: body.production_branch ?? before.productionBranch,
    buildConfig: merge(before.buildConfig, body.build_config ?? {}),
    deploymentConfigs: mergeConfigs(before.deploymentConfigs, body.deployment_configs),
    source:
      (body.source ?? undefined) === undefined
        ? before.source
        : merge(before.source ?? {}, body.source ?? {}),
  };
  return { result: projectBody(call.store.put("pagesProjects", row.name, row), call) };
}

type Configs = PagesProjectRow["deploymentConfigs"];

function mergeConfigs(
  before: Configs,
  given: { preview?: Json | null | undefined; production?: Json | null | undefined } | null | undefined,
): Configs {
  const next = {
    preview: merge(before.preview, given?.preview ?? {}),
    production: merge(before.production, given?.production ?? {}),
  };
  for (const [name, config] of Object.entries(next)) checkVariables(config, name);
  return next;
}

/** Members of objects are merged, `null` removes, everything else replaces. A map with no entry left goes away. */
function merge(before: Json, given: Json): Json {
  const result: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(given)) {
    if (value === null) delete result[key];
    else if (isObject(value)) {
      const merged = merge(isObject(result[key]) ? result[key] : {}, value);
      if (Object.keys(merged).length === 0) delete result[key];
      else result[key] = merged;
    } else result[key] = value;
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkVariables(config: Json, environmentName: string): void {
  for (const [name, variable] of Object.entries((config["env_vars"] ?? {}) as Record<string, Json>)) {
    const { type = "plain_text", value } = variable;
    if ((type !== "plain_text" && type !== "secret_text") || typeof value !== "string") {
      throw refuse(
        400,
        8000005,
        `Invalid request body: deployment_configs.${environmentName}.env_vars.${name} must have a type plain_text or secret_text and a value`,
      );
    }
  }
}

function remove(call: Call): Answer {
  const { store } = call;
  const project = projectOf(call);
  if (domainsOf(store, project.name).length > 0) {
    throw refuse(409, 8000028, "This project has custom domains. Remove them before deleting the project.");
  }
  store.deleteWhere("pagesDeployments", (row) => row.project === project.name);
  store.delete("pagesProjects", project.name);
  return { result: null };
}

function projectBody(row: PagesProjectRow, call: Call): object {
  const { store } = call;
  const deployments = deploymentsOf(store, row.name);
  const canonical = deployments.find(({ id }) => id === row.canonicalDeployment);
  const scriptName = `pages-worker--${Number.parseInt(stableId(row.id).slice(0, 6), 16)}`;
  return {
    id: row.id,
    name: row.name,
    subdomain: row.subdomain,
    domains: [row.subdomain, ...domainsOf(store, row.name).map(({ name }) => name)],
    created_on: row.createdOn,
    production_branch: row.productionBranch,
    ...(row.source === undefined ? {} : { source: row.source }),
    build_config: row.buildConfig,
    deployment_configs: {
      preview: shownConfig(row.deploymentConfigs.preview),
      production: shownConfig(row.deploymentConfigs.production),
    },
    canonical_deployment: canonical === undefined ? null : deploymentBody(canonical, row, call),
    latest_deployment: deployments[0] === undefined ? null : deploymentBody(deployments[0], row, call),
    framework: "",
    framework_version: "",
    uses_functions: false,
    production_script_name: `${scriptName}-production`,
    preview_script_name: `${scriptName}-preview`,
  };
}

/** A configuration without the values of its secrets. */
export function shownConfig(config: Json): Json {
  const variables = config["env_vars"];
  return variables === undefined ? config : { ...config, env_vars: shownVariables(variables as Json) };
}

export function shownVariables(variables: Json): Json {
  return Object.fromEntries(
    Object.entries(variables as Record<string, Json>).map(([name, { type = "plain_text", value }]) => [
      name,
      { type, value: type === "secret_text" ? "" : value },
    ]),
  );
}
