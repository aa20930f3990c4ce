import { z } from "zod";
import { environment } from "./environment";
import { checked, field } from "./field";
import { hostname, relativePath } from "./values";

export const BRANCH_ALLOWED =
  "a branch name as git takes it: no spaces, `..`, `~`, `^`, `:`, `?`, `[` or backslash";

/** The name of a git branch. */
export const branch = (description: string, examples: readonly string[]) =>
  field(
    checked(z.string(), (value) =>
      /^(?!-)(?!.*\.\.)(?!.*\/\/)(?!.*[/.]$)[^\s~^:?*[\\]+$/.test(value)
        ? undefined
        : { what: "git does not take this branch name", allowed: BRANCH_ALLOWED },
    ),
    { description, examples, allowed: BRANCH_ALLOWED },
  );

const githubName = (description: string, examples: readonly string[]) =>
  field(
    checked(z.string(), (value) =>
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(value)
        ? undefined
        : {
            what: "this is not a name on the git host",
            allowed: "letters, digits, dots, hyphens; no slash, no URL",
          },
    ),
    { description, examples, allowed: "letters, digits, dots, hyphens; no slash, no URL" },
  );

const branches = (description: string) =>
  field(z.union([z.enum(["all", "none"]), z.array(z.string().min(1)).min(1)]), {
    description,
    allowed: "all, none, or a list of branch names (`*` stands for anything)",
    examples: ["none", ["feature/*"]],
  });

const source = z.strictObject({
  type: field(z.enum(["github", "gitlab"]), { description: "Where the repository is." }).default("github"),
  owner: githubName("The user or organisation.", ["zzstoatzz"]),
  repository: githubName("The repository's name.", ["plyr.fm"]),
  deployProduction: field(z.boolean(), {
    description: "Builds the production branch at each push.",
  }).default(true),
  previews: branches("Which other branches get preview deployments.").default("all"),
  comments: field(z.boolean(), { description: "Comments the address on pull requests." }).default(true),
});

const build = z.strictObject({
  command: field(z.string().min(1), {
    description: "Builds the site, run by Pages (with `source`) or by a pipeline.",
    examples: ["cd frontend && bun run build"],
  }).optional(),
  output: relativePath("The folder that the build fills.", ["frontend/build"]),
  root: relativePath("The folder in which the command runs. Default: the repository's.", [
    "frontend",
  ]).optional(),
  caching: field(z.boolean(), { description: "Keeps dependencies between builds." }).default(true),
});

export const site = field(
  z.strictObject({
    project: field(
      checked(z.string(), (value) =>
        /^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$/.test(value)
          ? undefined
          : {
              what: "Pages does not take this project name",
              allowed: "1 to 58 lower-case letters, digits and hyphens, not starting or ending with a hyphen",
            },
      ),
      {
        description:
          "The Pages project; also the first label of its pages.dev name. Two stacks never share one.",
        allowed: "1 to 58 lower-case letters, digits and hyphens, not starting or ending with a hyphen",
        examples: ["streampai"],
        pattern: "^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$",
      },
    ),
    hostnames: field(
      z.array(hostname("A host name below the domain, or the domain itself.", ["streampai.com"])).max(100),
      {
        description:
          "Custom domains of the site, each with its DNS record. Limit of the free plan: 100 a project.",
        examples: [["streampai.com"]],
      },
    ).default([]),
    productionBranch: branch("The branch whose deployments serve the custom domains.", [
      "main",
      "production-fe",
    ]).default("main"),
    source: field(source, {
      description: "The git repository that Pages builds by itself. Excludes `directory`.",
    }).optional(),
    directory: relativePath("A folder that is uploaded as it is (direct upload). Excludes `source`.", [
      "examples/streampai/site",
    ]).optional(),
    build: field(build, { description: "How the site is built." }).optional(),
    environment: field(
      z.strictObject({
        production: environment("Variables of the production branch's builds and functions.").default({}),
        preview: environment("Variables of all other branches.").default({}),
      }),
      {
        description:
          "Environment variables. What a build puts into pages is public, whatever it is called here.",
        examples: [{ production: { PUBLIC_API_URL: "https://api.streampai.com" } }],
      },
    ).prefault({}),
    compatibilityDate: field(z.iso.date(), {
      description: "The runtime version of Pages functions, as a date.",
      allowed: "a date such as 2026-01-31, in quotes",
    }).optional(),
    compatibilityFlags: field(z.array(z.string().min(1)).max(50), {
      description: "Flags of the runtime of Pages functions.",
      examples: [["nodejs_compat"]],
    }).default([]),
  }),
  { description: "A static site on Cloudflare Pages." },
);

export type SiteSettings = z.output<typeof site>;
