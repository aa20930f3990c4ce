import { join } from "node:path";

/** Programs of the host that run by themselves: name -> source below sandbox/host/. */
export const toolSources = {
  docker: "docker/main.ts",
  curl: "curl.ts",
  supervisor: "process/supervisor.ts",
  preload: "process/preload.ts",
  "caddy-command": "process/caddy-command.ts",
  "postgres-entrypoint": "postgres/entrypoint.ts",
  psql: "postgres/psql.ts",
  pg_isready: "postgres/pg-isready.ts",
} as const;

export type ToolName = keyof typeof toolSources;

/** The bundled file of a tool in a tools folder. */
export function toolFile(tools: string, name: ToolName): string {
  return join(tools, `${name}.js`);
}
