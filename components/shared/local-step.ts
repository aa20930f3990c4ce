import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { tellRootToEngines } from "../../common/project-root";

// For a program of one's own that the Automation API runs in this process.
tellRootToEngines();

/**
 * Finds a program of dist/ without a path in the state, which would differ on every machine: beside the process that
 * started the engine, in the working directory, or in the package that the working directory depends on.
 */
function loader(program: string): string {
  return [
    'const { existsSync } = require("node:fs"), { join, dirname } = require("node:path");',
    "const installed = () => { try { return dirname(require.resolve('groundwork/package.json', { paths: [process.cwd()] })); } catch { return undefined; } };",
    "const root = [process.env.GROUNDWORK_ROOT, process.cwd(), installed()]",
    `  .find((folder) => folder && existsSync(join(folder, "dist", ${JSON.stringify(program)})));`,
    `if (!root) throw new Error("dist/" + ${JSON.stringify(program)} + " is not there; run npm start or npm run build once");`,
    `require(join(root, "dist", ${JSON.stringify(program)}));`,
  ].join("\n");
}

export interface LocalStepArgs {
  /** Its name in dist/. */
  readonly program: string;
  /** What it reads, as JSON. Secret. */
  readonly input: pulumi.Input<unknown>;
  /** When it runs: `delete` = only when the step is removed from the stack. @default "create" */
  readonly when?: "create" | "delete";
  /** Finds what it printed the last time in PULUMI_COMMAND_STDOUT. @default false */
  readonly previousOutput?: boolean;
}

/** A step that runs here, by Node.js, from a bundled program; its input goes by standard input and is secret. */
export function localStep(
  name: string,
  { program, input, when = "create", previousOutput = false }: LocalStepArgs,
  opts: pulumi.CustomResourceOptions,
): local.Command {
  const code = loader(program);
  return new local.Command(
    name,
    {
      interpreter: ["node", "-e"],
      ...(when === "create" ? { create: code } : { create: "0", delete: code }),
      stdin: pulumi.secret(pulumi.jsonStringify(input)),
      logging: local.Logging.None,
      addPreviousOutputInEnv: previousOutput,
    },
    { ...opts, additionalSecretOutputs: ["stdin", "stdout", "stderr"] },
  );
}
