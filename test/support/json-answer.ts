import type { z } from "zod";
import { type Answering, jsonSchemas } from "../../cli/json/schemas";

/**
 * What a command printed with `--json`, held against its schema: one document, every member named there, and no other.
 *
 * @throws Error with what was printed, where it is something else
 */
export function parsedAnswer<Command extends Answering>(
  command: Command,
  stdout: string,
): z.infer<(typeof jsonSchemas)[Command]> {
  try {
    return jsonSchemas[command].parse(JSON.parse(stdout)) as z.infer<(typeof jsonSchemas)[Command]>;
  } catch (cause) {
    throw new Error(`no answer of ${command}: ${String(cause)}\n${stdout.slice(-5000)}`, { cause });
  }
}
