import { join } from "node:path";

/** Programs of the host that run by themselves: what `bin/entries.json` names `host-tools/…`. */
export const toolNames = [
  "docker",
  "curl",
  "supervisor",
  "preload",
  "caddy-command",
  "postgres-entrypoint",
  "psql",
  "pg_isready",
] as const;

export type ToolName = (typeof toolNames)[number];

/** The bundled file of a tool in a tools folder. */
export function toolFile(tools: string, name: ToolName): string {
  return join(tools, `${name}.js`);
}
