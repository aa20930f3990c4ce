import type { stackSchema as Schema } from "./schema/stack";

let made: typeof Schema | undefined;

/**
 * The schema of a stack file, made at its first use: that takes as long as the rest of a command's start, and a command can
 * have the engine start meanwhile.
 */
export function stackSchema(): typeof Schema {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- only where it is needed, and at once
  made ??= (require("./schema/stack") as { stackSchema: typeof Schema }).stackSchema;
  return made;
}
