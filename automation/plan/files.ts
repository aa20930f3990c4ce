/** Files that a deployment sends to hosts as they are in the project: no event of the engine's shows them. */

import { resolve } from "node:path";
import { readComposeFile, readFurtherFiles, sentAsTheyAre } from "../../components/origin/compose-files";
import type { Settings } from "../../platform/settings";
import type { SentFile } from "./plan";

/**
 * What the origins of these settings send, read as their deployment reads it. What cannot be read is left out: the program
 * refuses it.
 *
 * @param directory the project's folder, where relative paths of its stack files begin
 */
export function sentFiles({ origins }: Pick<Settings, "origins">, directory: string): SentFile[] {
  return Object.entries(origins).flatMap(([name, origin]) => {
    if (origin.kind === "external") return [];
    const composeFile = resolve(directory, origin.composeFile);
    const compose = readComposeFile(composeFile);
    if ("problem" in compose) return [];
    const further = origin.files.map((file) => resolve(directory, file));
    const sent = sentAsTheyAre(compose.text, readFurtherFiles(composeFile, further).files);
    return sent.map(({ path, content, mode }) => ({
      name: `${path} of origin ${name}`,
      text: `${mode}\n${content}`,
    }));
  });
}
