import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { type Behind, before } from "./shared/behind";
import { componentType } from "./shared/names";
import { isHostname, isVariableName, Issues, refuse } from "./shared/validation";

/** How Cloudflare builds a site from its repository. */
export interface PagesBuild {
  /** Such as `bun run build`. @default "": the files are served as they are */
  readonly command?: string;
  /** Folder that the build writes, relative to `rootDirectory`. @default "": the root directory itself */
  readonly outputDirectory?: string;
  /** Folder of the repository in which the build runs. @default "": the repository's root */
  readonly rootDirectory?: string;
  /** Keeps dependencies between builds. @default true */
  readonly cache?: boolean;
}

/** The repository that Cloudflare deploys from. Its GitHub or GitLab app must be installed there first. */
export interface PagesSource {
  /** @default "github" */
  readonly type?: "github" | "gitlab";
  readonly owner: string;
  readonly repository: string;
  /** Which branches get a preview deployment. @default "all" */
  readonly previewBranches?:
    "all" | "none" | { readonly include: readonly string[]; readonly exclude?: readonly string[] };
  /** Deploys the production branch when it is pushed. @default true */
  readonly deployProduction?: boolean;
  /** Comments previews on pull requests. @default true */
  readonly pullRequestComments?: boolean;
  /** Only changes to these paths build. @default ["*"] */
  readonly includePaths?: readonly string[];
  /** Changes to these paths do not build. @default [] */
  readonly excludePaths?: readonly string[];
}

/** Arguments of {@link PagesSite}. */
export interface PagesSiteArgs {
  readonly accountId: pulumi.Input<string>;
  /** Name of the Pages project: lower case, digits, hyphens, at most 58 characters. @default the component's name */
  readonly projectName?: string;
  /** The branch whose deployments are production. @default "main" */
  readonly productionBranch?: string;
  /** Zone of the custom domains; needed for their DNS records. @default none: no record is made */
  readonly zoneId?: pulumi.Input<string>;
  /** Custom domains (full host names), at most 100. @default [] */
  readonly domains?: readonly string[];
  /**
   * What must be there before a domain can be reached, and is removed after it: `applications` of
   * {@link AccessProtectedEnv}. @default nothing
   */
  readonly behind?: Behind;
  /** How Cloudflare builds the site; has no meaning for direct uploads. @default not built */
  readonly build?: PagesBuild;
  /** The repository to deploy from. Cannot be changed to or from direct upload later. @default direct upload */
  readonly source?: PagesSource;
  /** Variables of the build and of functions, in production; in force from the next deployment. @default {} */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Secret variables in production. @default {} */
  readonly secrets?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Variables of preview deployments. @default the same as `environment`; secrets are never copied to previews */
  readonly previewEnvironment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Secret variables of preview deployments. @default {} */
  readonly previewSecrets?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Date of the runtime's behaviour for functions, `YYYY-MM-DD`. @default Cloudflare's own */
  readonly compatibilityDate?: string;
  /** @default [] */
  readonly compatibilityFlags?: readonly string[];
}

/**
 * A site on Cloudflare Pages: the project, its variables, its custom domains and their DNS records. The domain is
 * attached before its record is made, as a record without a domain behind it answers 522.
 *
 * @example
 * // The smallest: files are uploaded by a pipeline.
 * import { PagesSite } from "groundwork/components";
 *
 * const site = new PagesSite("streampai", { accountId: "0000000000000000000000000000ac01" });
 * export const urls = site.urls;
 *
 * @example
 * // Everything: built by Cloudflare from a repository.
 * import { PagesSite } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * export const site = new PagesSite("plyr-staging", {
 *   accountId: "0000000000000000000000000000ac01",
 *   projectName: "plyr-fm-stg",
 *   productionBranch: "main",
 *   zoneId: "000000000000000000000000000020e1",
 *   domains: ["stg.example.com"],
 *   build: { command: "cd frontend && bun run build", outputDirectory: "frontend/build", cache: true },
 *   source: { owner: "example", repository: "site", previewBranches: { include: ["feature/*"] } },
 *   environment: { PUBLIC_API_URL: "https://api-stg.example.com" },
 *   secrets: { SENTRY_AUTH_TOKEN: new pulumi.Config().requireSecret("sentryAuthToken") },
 *   previewEnvironment: { PUBLIC_API_URL: "https://api-stg.example.com" },
 *   compatibilityDate: "2026-01-31",
 *   compatibilityFlags: ["nodejs_compat"],
 * });
 */
export class PagesSite extends pulumi.ComponentResource {
  readonly projectName: pulumi.Output<string>;
  /** The real `*.pages.dev` host. */
  readonly subdomain: pulumi.Output<string>;
  /** `https://` addresses: the custom domains, else the `*.pages.dev` one. */
  readonly urls: pulumi.Output<string[]>;
  readonly productionBranch: pulumi.Output<string>;

  constructor(name: string, args: PagesSiteArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("PagesSite"), name, {}, opts);
    refuse(this, "PagesSite", name, pagesSiteIssues(name, args));
    const { accountId, zoneId, domains = [] } = args;
    const productionBranch = args.productionBranch ?? "main";

    const project = new cloudflare.PagesProject(
      name,
      {
        accountId,
        name: args.projectName ?? name,
        productionBranch,
        ...(args.build === undefined ? {} : { buildConfig: buildConfig(args.build) }),
        ...(args.source === undefined ? {} : { source: sourceOf(args.source, productionBranch) }),
        deploymentConfigs: {
          production: deployment(args, args.environment, args.secrets),
          preview: deployment(args, args.previewEnvironment ?? args.environment, args.previewSecrets),
        },
      },
      { parent: this },
    );
    for (const domain of domains) {
      const attached = new cloudflare.PagesDomain(
        `${name}-domain-${domain}`,
        { accountId, projectName: project.name, name: domain },
        // A host name belongs to one project, so a replacement needs the old one gone.
        { parent: this, deleteBeforeReplace: true, dependsOn: [...before(args.behind, domain)] },
      );
      if (zoneId === undefined) continue;
      new cloudflare.DnsRecord(
        `${name}-dns-${domain}`,
        { zoneId, name: domain, type: "CNAME", content: project.subdomain, ttl: 1, proxied: true },
        { parent: this, dependsOn: [attached, ...before(args.behind, domain)] },
      );
    }
    this.projectName = project.name;
    this.subdomain = project.subdomain;
    this.urls = project.subdomain.apply((host) =>
      (domains.length > 0 ? domains : [host]).map((domain) => `https://${domain}`),
    );
    this.productionBranch = pulumi.output(productionBranch);
    this.registerOutputs({
      projectName: this.projectName,
      subdomain: this.subdomain,
      urls: this.urls,
      productionBranch: this.productionBranch,
    });
  }
}

/** Every member is set: one that is left out is planned as unknown for ever. */
function buildConfig(build: PagesBuild) {
  return {
    buildCommand: build.command ?? "",
    destinationDir: build.outputDirectory ?? "",
    rootDir: build.rootDirectory ?? "",
    buildCaching: build.cache ?? true,
    webAnalyticsTag: "",
    webAnalyticsToken: "",
  };
}

function sourceOf(source: PagesSource, productionBranch: string) {
  const { previewBranches = "all" } = source;
  const custom = typeof previewBranches === "object" ? previewBranches : undefined;
  return {
    type: source.type ?? "github",
    config: {
      owner: source.owner,
      repoName: source.repository,
      productionBranch,
      productionDeploymentsEnabled: source.deployProduction ?? true,
      previewDeploymentSetting: custom === undefined ? (previewBranches as string) : "custom",
      previewBranchIncludes: [...(custom?.include ?? ["*"])],
      previewBranchExcludes: [...(custom?.exclude ?? [])],
      pathIncludes: [...(source.includePaths ?? ["*"])],
      pathExcludes: [...(source.excludePaths ?? [])],
      prCommentsEnabled: source.pullRequestComments ?? true,
    },
  };
}

type Variables = Readonly<Record<string, pulumi.Input<string>>>;

function deployment(args: PagesSiteArgs, environment: Variables = {}, secrets: Variables = {}) {
  const variables: Record<string, { type: string; value: pulumi.Input<string> }> = {};
  for (const [name, value] of Object.entries(environment)) variables[name] = { type: "plain_text", value };
  for (const [name, value] of Object.entries(secrets)) {
    variables[name] = { type: "secret_text", value: pulumi.secret(value) };
  }
  return {
    envVars: variables,
    ...(args.compatibilityDate === undefined ? {} : { compatibilityDate: args.compatibilityDate }),
    ...(args.compatibilityFlags === undefined ? {} : { compatibilityFlags: [...args.compatibilityFlags] }),
  };
}

/** Every mistake in a site's arguments. */
export function pagesSiteIssues(name: string, args: PagesSiteArgs): Issues {
  const issues = new Issues();
  issues.check(
    "projectName",
    args.projectName ?? name,
    (value) => /^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$/.test(value),
    "is not a project name",
    "1 to 58 lower-case letters, digits, hyphens, not starting or ending with a hyphen",
  );
  issues.check("productionBranch", args.productionBranch, (value) => /^\S+$/.test(value), "is not a branch");
  const { domains = [] } = args;
  if (domains.length > 100)
    issues.add("domains", "a project has at most 100 custom domains", { value: domains.length });
  domains.forEach((domain, index) => {
    issues.check(`domains[${index}]`, domain, isHostname, "is not a full host name in lower case");
    if (domains.indexOf(domain) !== index)
      issues.add(`domains[${index}]`, "is there twice", { value: domain });
  });
  issues.check(
    "compatibilityDate",
    args.compatibilityDate,
    (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)),
    "is not a date",
    "YYYY-MM-DD",
  );
  const kinds = [
    ["environment", args.environment, "secrets", args.secrets],
    ["previewEnvironment", args.previewEnvironment, "previewSecrets", args.previewSecrets],
  ] as const;
  for (const [plainName, plain = {}, secretName, secret = {}] of kinds) {
    for (const [at, names] of [
      [plainName, plain],
      [secretName, secret],
    ] as const) {
      for (const variable of Object.keys(names)) {
        if (!isVariableName(variable)) issues.add(`${at}.${variable}`, "is not the name of a variable");
      }
    }
    for (const variable of Object.keys(secret)) {
      if (variable in plain) issues.add(`${secretName}.${variable}`, `is in ${plainName} as well`);
    }
  }
  if (args.source !== undefined && args.build === undefined) {
    issues.add("build", "a site that Cloudflare builds from a repository needs it", {
      allowed: "build: { outputDirectory: … }",
    });
  }
  return issues;
}
