import { copyFileSync } from "node:fs";
import { join } from "node:path";
import Table from "cli-table3";
import { availableParallelism } from "node:os";
import { previewsAtOnce } from "../automation/at-once";
import { Environment } from "../automation/environment";
import type { ReadySandbox } from "../sandbox/bring-up";
import { sampleMemory } from "./measure";

/**
 * Many environments previewed at once from one process, each with an engine of its own: how memory grows with their number.
 * Every one is new, so that each preview has all of its resources to create.
 */
export async function manyAtOnce(
  ready: ReadySandbox,
  folder: string,
  counts: readonly number[],
): Promise<void> {
  const { engine, variables, configFile } = ready;
  const table = new Table({ head: ["environments", "took", "each", "this process", "all processes"] });
  for (const count of counts) {
    const environments = await Promise.all(
      Array.from({ length: count }, (_unused, index) => {
        const name = `many-${count}-${index}`;
        const file = join(folder, `Pulumi.${name}.yaml`);
        copyFileSync(configFile, file);
        return Environment.open(name, { engine, configFile: file, variables });
      }),
    );
    const memory = sampleMemory(process.pid);
    const began = performance.now();
    const results = await Promise.all(environments.map((each) => each.preview())).finally(() => memory.end());
    const seconds = (performance.now() - began) / 1000;
    if (results.some(({ unchanged }) => unchanged)) throw new Error("a preview has found nothing to do");
    table.push([
      count,
      `${seconds.toFixed(1)} s`,
      `${(seconds / count).toFixed(2)} s`,
      `${memory.own()} MiB`,
      `${memory.peak()} MiB`,
    ]);
  }
  const most = previewsAtOnce(availableParallelism(), process.availableMemory());
  console.log(
    `\nmany environments previewed at once, of which ${most} run and the others wait; the most memory`,
  );
  console.log(table.toString());
}
