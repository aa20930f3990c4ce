import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deployPages } from "../automation/pages-deploy";
import type { Log } from "../common/log";
import { buildSite } from "../examples/streampai/build-site";
import type { Settings } from "../platform/settings";
import type { ReadySandbox } from "./bring-up";
import { hashTree } from "./host/hash";
import { typedAddress } from "./visit";

/**
 * Publishes what the sites of a stack show in its sandbox: the sample site, built for the address of the stack's first
 * origin. A site whose files have not changed since its last deployment is left alone.
 */
export async function publishSites(ready: ReadySandbox, settings: Settings, log: Log): Promise<void> {
  const [api] = Object.values(settings.origins).flatMap((origin) =>
    "hostnames" in origin ? origin.hostnames : [],
  );
  const apiUrl = typedAddress(`https://${api ?? settings.domain}`, ready.record);
  for (const [name, site] of Object.entries(settings.sites)) {
    const directory = join(ready.folder.sites, name);
    await mkdir(ready.folder.sites, { recursive: true });
    buildSite({ outDirectory: directory, apiUrl });
    const published = `${directory}.published`;
    const fingerprint = `${site.project} ${hashTree(directory)} ${await projectCreated(ready, settings, site.project)}`;
    if ((await readFile(published, "utf8").catch(() => "")) === fingerprint) continue;
    const { uploaded, unchanged } = await deployPages({
      apiUrl: ready.record.api.url,
      apiToken: ready.variables.CLOUDFLARE_API_TOKEN ?? "",
      accountId: settings.cloudflare.accountId,
      project: site.project,
      directory,
      branch: site.productionBranch,
      commitMessage: "the sample site",
    });
    await writeFile(published, fingerprint);
    log(`site ${name}: the sample site is published (${uploaded} files sent, ${unchanged} there already)`);
  }
}

/** When the project was made: one that was deleted and made anew has lost its deployments. */
async function projectCreated(
  { record, variables }: ReadySandbox,
  { cloudflare }: Settings,
  project: string,
): Promise<string> {
  const answer = await fetch(`${record.api.url}/accounts/${cloudflare.accountId}/pages/projects/${project}`, {
    headers: { authorization: `Bearer ${variables.CLOUDFLARE_API_TOKEN ?? ""}` },
  });
  const body = (await answer.json()) as { result?: { id?: string; created_on?: string } };
  return `${body.result?.id ?? ""} ${body.result?.created_on ?? ""}`;
}
