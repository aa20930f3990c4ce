import type { Call, Route } from "../call";
import { type Answer, paginate, refuse } from "../envelope";
import { uuid } from "../ids";
import type { Json, PagesDeploymentRow, PagesProjectRow } from "../model";
import { branchAlias, deploymentsOf, shortId } from "../pages-model";
import { accountLimits } from "../plan";
import { projectOf, shownVariables } from "./pages-projects";

const needs = ["Pages"];
const path = "/accounts/{account_id}/pages/projects/{project_name}/deployments";
const one = `${path}/{deployment_id}`;
const stageNames = ["queued", "initialize", "clone_repo", "build", "deploy"] as const;

export const pagesDeploymentRoutes: readonly Route[] = [
  { method: "POST", path, needs, handle: create },
  { method: "GET", path, needs, handle: list },
  {
    method: "GET",
    path: one,
    needs,
    handle: (call) => ({ result: deploymentBody(found(call), projectOf(call), call) }),
  },
  { method: "DELETE", path: one, needs, handle: remove },
  { method: "POST", path: `${one}/rollback`, needs, handle: rollback },
  { method: "POST", path: `${one}/retry`, needs, handle: retry },
  { method: "GET", path: `${one}/history/logs`, needs, handle: logs },
];

function found(call: Call): PagesDeploymentRow {
  const project = projectOf(call);
  const row = call.store.get("pagesDeployments", call.params["deployment_id"]!);
  if (row?.project !== project.name) {
    throw refuse(
      404,
      8000009,
      "Deployment not found. The specified deployment does not exist in this project.",
    );
  }
  return row;
}

function create(call: Call): Answer {
  const project = projectOf(call);
  const form = call.form ?? new Map<string, string>();
  if (project.source !== undefined && !form.has("manifest")) {
    return deploy(call, project, { branch: form.get("branch") ?? project.productionBranch, manifest: {} });
  }
  return deploy(call, project, {
    branch: form.get("branch") ?? project.productionBranch,
    manifest: readManifest(form.get("manifest")),
    files: Object.fromEntries(
      [...form].filter(([name]) => name.startsWith("_") || name.startsWith("functions-")),
    ),
    commitHash: form.get("commit_hash") ?? "",
    commitMessage: form.get("commit_message") ?? "",
    commitDirty: form.get("commit_dirty") === "true",
  });
}

function readManifest(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) {
    throw refuse(400, 8000096, 'A "manifest" field was expected in the request body but was not provided.');
  }
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw refuse(400, 8000097, "The manifest is not valid JSON.");
  }
  if (typeof manifest !== "object" || manifest === null || Array.isArray(manifest)) {
    throw refuse(400, 8000097, "The manifest must be an object of paths and hashes.");
  }
  const entries = Object.entries(manifest);
  const wrong = entries.find(
    ([name, hash]) => !name.startsWith("/") || typeof hash !== "string" || !/^[0-9a-f]{32}$/.test(hash),
  );
  if (wrong !== undefined) throw refuse(400, 8000097, `The manifest has an invalid entry: ${wrong[0]}`);
  if (entries.length > accountLimits.pagesFiles) {
    throw refuse(400, 8000039, `The deployment has more than ${accountLimits.pagesFiles} files.`);
  }
  return manifest as Record<string, string>;
}

function deploy(
  call: Call,
  project: PagesProjectRow,
  parts: Partial<PagesDeploymentRow> & Pick<PagesDeploymentRow, "branch" | "manifest">,
): Answer {
  const { store } = call;
  const missing = Object.entries(parts.manifest).filter(
    ([, hash]) => store.get("assets", hash) === undefined,
  );
  const environment = parts.branch === project.productionBranch ? "production" : "preview";
  const config = project.deploymentConfigs[environment];
  const row: PagesDeploymentRow = {
    files: {},
    commitHash: "",
    commitMessage: "",
    commitDirty: false,
    ...parts,
    id: uuid(),
    project: project.name,
    environment,
    envVars: (config["env_vars"] ?? {}) as Json,
    status: missing.length === 0 ? "success" : "failure",
    problem:
      missing.length === 0
        ? undefined
        : `Failed: ${missing.length} file(s) were never uploaded, first ${missing[0]![0]}`,
    createdOn: call.time,
    modifiedOn: call.time,
  };
  store.put("pagesDeployments", row.id, row);
  let current = project;
  if (row.status === "success" && environment === "production") {
    current = store.put("pagesProjects", project.name, { ...project, canonicalDeployment: row.id });
  }
  return { result: deploymentBody(row, current, call) };
}

function list(call: Call): Answer {
  const project = projectOf(call);
  const wanted = call.query["env"];
  const rows = deploymentsOf(call.store, project.name).filter(
    ({ environment }) => wanted === undefined || wanted === "" || environment === wanted,
  );
  const { page, resultInfo } = paginate(rows, call.query, { perPage: 25, most: 100 });
  return { result: page.map((row) => deploymentBody(row, project, call)), resultInfo };
}

function remove(call: Call): Answer {
  const project = projectOf(call);
  const row = found(call);
  if (project.canonicalDeployment === row.id) {
    throw refuse(400, 8000034, "You cannot delete the active production deployment.");
  }
  if (isAlias(call, row) && call.query["force"] !== "true") {
    throw refuse(400, 8000035, "Cannot delete an aliased deployment without a `?force=true` parameter.");
  }
  call.store.delete("pagesDeployments", row.id);
  return { result: null };
}

/** Whether the branch's own address shows this deployment. */
function isAlias({ store }: Call, row: PagesDeploymentRow): boolean {
  const latest = deploymentsOf(store, row.project).find(
    (other) =>
      other.environment === "preview" &&
      other.status === "success" &&
      branchAlias(other.branch) === branchAlias(row.branch),
  );
  return latest?.id === row.id;
}

function rollback(call: Call): Answer {
  const project = projectOf(call);
  const row = found(call);
  if (row.environment !== "production" || row.status !== "success") {
    throw refuse(400, 8000030, "Only a successful production deployment can be rolled back to.");
  }
  if (project.canonicalDeployment === row.id)
    throw refuse(400, 8000031, "This deployment is already the active one.");
  const next = call.store.put("pagesProjects", project.name, { ...project, canonicalDeployment: row.id });
  return { result: deploymentBody(row, next, call) };
}

function retry(call: Call): Answer {
  const { branch, manifest, files, commitHash, commitMessage, commitDirty } = found(call);
  return deploy(call, projectOf(call), { branch, manifest, files, commitHash, commitMessage, commitDirty });
}

function logs(call: Call): Answer {
  const row = found(call);
  const lines = [
    `Uploaded ${Object.keys(row.manifest).length} file(s)`,
    row.problem ?? "Success: Assets published!",
  ];
  return {
    result: {
      total: lines.length,
      includes_container_logs: false,
      data: lines.map((line) => ({ ts: row.createdOn, line })),
    },
  };
}

/** A deployment as the API gives it: still queued in the answer to its creation, done at the next look. */
export function deploymentBody(row: PagesDeploymentRow, project: PagesProjectRow, call: Call): object {
  const queued = row.createdOn === call.time && call.params["deployment_id"] === undefined;
  const stages = stageNames.map((name) => {
    if (queued)
      return { name, started_on: null, ended_on: null, status: name === "queued" ? "active" : "idle" };
    const status = name === "deploy" ? row.status : "success";
    return { name, started_on: row.createdOn, ended_on: row.modifiedOn, status };
  });
  return {
    id: row.id,
    short_id: shortId(row),
    project_id: project.id,
    project_name: project.name,
    environment: row.environment,
    url: `https://${shortId(row)}.${project.subdomain}`,
    aliases:
      row.environment === "preview" && row.status === "success"
        ? [`https://${branchAlias(row.branch)}.${project.subdomain}`]
        : [],
    created_on: row.createdOn,
    modified_on: row.modifiedOn,
    is_skipped: false,
    production_branch: project.productionBranch,
    deployment_trigger: {
      type: "ad_hoc",
      metadata: {
        branch: row.branch,
        commit_hash: row.commitHash,
        commit_message: row.commitMessage,
        commit_dirty: row.commitDirty,
      },
    },
    latest_stage: queued ? stages[0] : stages.at(-1),
    stages,
    build_config: {
      build_command: null,
      destination_dir: null,
      root_dir: null,
      web_analytics_tag: null,
      web_analytics_token: null,
      ...project.buildConfig,
    },
    source: project.source ?? { type: "", config: {} },
    env_vars: shownVariables(row.envVars),
    uses_functions: false,
  };
}
