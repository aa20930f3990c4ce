/** What a new project consists of. Pure: names in, texts out. */

/** What is known of a new project. */
export interface NewProject {
  /** `name` of Pulumi.yaml, and of the site. */
  readonly name: string;
  readonly domain: string;
}

/** File, below the project's folder -> its text. `.gitignore` is apart: see {@link ignored}. */
export function projectFiles({ name, domain }: NewProject): Readonly<Record<string, string>> {
  return {
    "Pulumi.yaml": `name: ${name}
description: "One environment: Cloudflare in front, a host or platform behind it, PostgreSQL, buckets."
runtime:
  name: nodejs
  options:
    typescript: false # nothing to compile: what there is stands in the stack files
`,
    "index.js": `/** The whole program: what there is stands in the stack files. */
module.exports = require("groundwork/platform").deployFromConfig;
`,
    "Pulumi.dev.yaml": `# Development on one machine: npx groundwork sandbox -s dev. The ids are made up, as the sandbox needs no account.
# Copy this file to Pulumi.staging.yaml and Pulumi.prod.yaml for environments in the cloud, with ids of your own.
config:
  groundwork:domain: ${domain}
  groundwork:cloudflare:
    accountId: "000000000000000000000000000000a0"
    zoneId: "000000000000000000000000000000b0"

  groundwork:sites:
    web:
      project: ${name}-dev
      hostnames: [${domain}]
      directory: site
`,
    "site/index.html": `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>${name}</title>
  <h1>${name}</h1>
</html>
`,
  };
}

/** What never belongs into a repository. */
export const ignored = ["node_modules/", ".groundwork/", "dist/", "*.log", ".env"];

/** A .gitignore with what is missing in it put behind what it has. */
export function withIgnored(before: string): string {
  const lines = before.split("\n").map((line) => line.trim().replace(/\/$/, ""));
  const missing = ignored.filter((entry) => !lines.includes(entry.replace(/\/$/, "")));
  if (missing.length === 0) return before;
  return `${before}${before === "" || before.endsWith("\n") ? "" : "\n"}${missing.join("\n")}\n`;
}

/** A name that projects and sites take, made of a folder's. */
export function nameOf(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return name === "" ? "app" : name;
}
