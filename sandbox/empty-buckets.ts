import { readFile } from "node:fs/promises";
import type { Log } from "../common/log";
import { UserError } from "../common/user-error";
import type { ReadySandbox } from "./bring-up";
import type { SandboxOptions } from "./record";

interface Page<T> {
  readonly success: boolean;
  readonly errors?: readonly { readonly message: string }[];
  readonly result: T;
}

const jurisdictions = ["default", "eu", "us", "fedramp"];

/**
 * Deletes every object in every bucket of a sandbox, so that the buckets can be deleted with the environment.
 *
 * @throws UserError where the sandbox's API does not do it
 */
export async function emptyBuckets(
  { folder, variables }: Pick<ReadySandbox, "folder" | "variables">,
  log: Log,
): Promise<void> {
  const { accountId } = JSON.parse(await readFile(folder.optionsFile, "utf8")) as SandboxOptions;
  const { CLOUDFLARE_BASE_URL: apiUrl = "", CLOUDFLARE_API_TOKEN: apiToken = "" } = variables;
  const base = `${apiUrl}/accounts/${accountId}/r2/buckets`;
  for (const jurisdiction of jurisdictions) {
    const call = async <T>(method: string, path: string): Promise<T> => {
      const answer = await fetch(`${base}${path}`, {
        method,
        headers: { authorization: `Bearer ${apiToken}`, "cf-r2-jurisdiction": jurisdiction },
      });
      const { success, errors, result } = (await answer.json()) as Page<T>;
      if (success) return result;
      throw new UserError({
        what: "the sandbox's buckets could not be emptied",
        value: `${method} ${path}: ${(errors ?? []).map(({ message }) => message).join("; ")}`,
        next: "run the same command again",
      });
    };
    const { buckets } = await call<{ buckets: readonly { name: string }[] }>("GET", "?per_page=1000");
    for (const { name } of buckets) {
      let deleted = 0;
      for (;;) {
        const objects = await call<readonly { key: string }[]>("GET", `/${name}/objects?per_page=1000`);
        if (objects.length === 0) break;
        for (const { key } of objects) await call("DELETE", `/${name}/objects/${encodeURIComponent(key)}`);
        deleted += objects.length;
      }
      if (deleted > 0) log(`the sandbox's bucket ${name} held ${deleted} objects: they go with it`);
    }
  }
}
