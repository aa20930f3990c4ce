import { constants } from "node:fs";
import { access, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { PlanFile } from "../automation/plan/plan";
import { UserError, withCode } from "../common/user-error";

/**
 * Asked before the preview: it would run for minutes, and then be lost.
 *
 * @throws UserError where no plan can be written there
 */
export async function assertWritable(file: string): Promise<void> {
  try {
    const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (found?.isDirectory() === true) throw Object.assign(new Error("a folder"), { code: "EISDIR" });
    await access(found === undefined ? dirname(resolve(file)) : file, constants.W_OK);
  } catch (cause) {
    throw notWritten(file, cause);
  }
}

/** @throws UserError where it cannot be written */
export async function writePlan(file: string, plan: PlanFile): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(plan, undefined, 1)}\n`, { mode: 0o600 });
  } catch (cause) {
    throw notWritten(file, cause);
  }
}

function notWritten(file: string, cause: unknown): UserError {
  return new UserError({
    what: "the plan cannot be written",
    value: withCode(file, cause),
    allowed: "a file in a folder that is there and may be written",
    next: "npx groundwork preview -s staging --save-plan plan.json",
    cause,
  });
}
