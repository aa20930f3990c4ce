import * as pulumi from "@pulumi/pulumi";

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

/** A site on Cloudflare Pages with its custom domains. */
export class PagesSite extends pulumi.ComponentResource {
  readonly projectName!: pulumi.Output<string>;
  /** The real `*.pages.dev` host. */
  readonly subdomain!: pulumi.Output<string>;
  /** `https://` addresses: the custom domains, else the `*.pages.dev` one. */
  readonly urls!: pulumi.Output<string[]>;
  readonly productionBranch!: pulumi.Output<string>;

  constructor(name: string, args: PagesSiteArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:PagesSite", name, args, opts);
  }
}
