/** Pages projects as `groundwork:sites` says them. Pure. */
import { type Described, entryNames, isBelow, textIn } from "./described";
import type { Live, LiveDeploymentConfig, LiveProject } from "./live";

/** @param wanted names of projects; undefined for those with a custom domain in the zone */
export function describeSites(
  live: Live,
  wanted: readonly string[] | undefined,
): Described<Record<string, unknown>> {
  const remarks: string[] = [];
  const records: string[] = [];
  const name = entryNames();
  const part: Record<string, unknown> = {};
  for (const project of live.projects) {
    const here = project.domains.some((domain) => isBelow(domain, live.zone.name));
    if (wanted === undefined ? !here : !wanted.includes(project.name)) {
      remarks.push(
        `Pages project ${project.name}: ${wanted === undefined ? `it has no domain in ${live.zone.name}; --project ${project.name} takes it` : "it was not asked for"}`,
      );
      continue;
    }
    const hostnames: string[] = [];
    for (const domain of project.domains) {
      const record = live.records.find(
        ({ name, type, content }) =>
          name === domain && type === "CNAME" && content?.replace(/\.$/, "") === project.subdomain,
      );
      if (record === undefined) {
        remarks.push(
          `domain ${domain} of Pages project ${project.name}: ${isBelow(domain, live.zone.name) ? `no CNAME record leads it to ${project.subdomain}` : `it is outside ${live.zone.name}`}`,
        );
        continue;
      }
      hostnames.push(domain);
      records.push(record.id);
    }
    part[name(project.name)] = siteOf(project, hostnames, remarks);
  }
  return { part, remarks, records };
}

function siteOf(project: LiveProject, hostnames: readonly string[], remarks: string[]): unknown {
  const { deployment_configs: configs } = project;
  const environment = Object.fromEntries(
    (["production", "preview"] as const).flatMap((kind) => {
      const variables = variablesOf(project, kind, configs?.[kind], remarks);
      return Object.keys(variables).length === 0 ? [] : [[kind, variables]];
    }),
  );
  const { production } = configs ?? {};
  const build = buildOf(project);
  const source = build === undefined ? undefined : sourceOf(project);
  if (source === undefined && (project.source ?? undefined) !== undefined) {
    remarks.push(
      `repository of Pages project ${project.name}: ${build === undefined ? "its build says no output folder" : "its kind has no words in a stack file"}; the project stays connected as it is`,
    );
  }
  const flags = production?.compatibility_flags ?? [];
  return {
    project: project.name,
    ...(hostnames.length === 0 ? {} : { hostnames }),
    productionBranch: project.production_branch ?? "main",
    ...(source === undefined ? {} : { source }),
    ...(build === undefined ? {} : { build }),
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    ...(production?.compatibility_date ? { compatibilityDate: production.compatibility_date } : {}),
    ...(flags.length === 0 ? {} : { compatibilityFlags: flags }),
  };
}

function variablesOf(
  { name }: LiveProject,
  kind: string,
  config: LiveDeploymentConfig | undefined,
  remarks: string[],
): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [variable, given] of Object.entries(config?.env_vars ?? {})) {
    if (given === null) continue;
    if (given.type === "secret_text") {
      remarks.push(
        `secret variable ${variable} of Pages project ${name} (${kind}): its value cannot be read; it stays; before the project is changed, write {secret: ${variable}} into sites.*.environment.${kind} and take it out of keep`,
      );
    } else plain[variable] = given.value ?? "";
  }
  return plain;
}

function buildOf({ build_config: build }: LiveProject): Record<string, unknown> | undefined {
  const output = textIn(build, "destination_dir");
  if (output === undefined) return undefined;
  const [command, root] = [textIn(build, "build_command"), textIn(build, "root_dir")];
  return {
    ...(command === undefined ? {} : { command }),
    output,
    ...(root === undefined ? {} : { root }),
    ...(build?.["build_caching"] === true ? {} : { caching: false }),
  };
}

function sourceOf({ source }: LiveProject): Record<string, unknown> | undefined {
  if (!source || (source.type !== "github" && source.type !== "gitlab")) return undefined;
  const { config } = source;
  const [owner, repository] = [textIn(config, "owner"), textIn(config, "repo_name")];
  if (owner === undefined || repository === undefined) return undefined;
  const setting = textIn(config, "preview_deployment_setting") ?? "all";
  const includes = (config["preview_branch_includes"] ?? ["*"]) as string[];
  return {
    ...(source.type === "github" ? {} : { type: source.type }),
    owner,
    repository,
    ...(config["production_deployments_enabled"] === false ? { deployProduction: false } : {}),
    ...(setting === "all" ? {} : { previews: setting === "none" ? "none" : includes }),
    ...(config["pr_comments_enabled"] === false ? { comments: false } : {}),
  };
}
