import { scryptSync } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { UserError } from "../../common/user-error";
import type { Environment } from "../environment";
import { passphraseOf, type Variables } from "../passphrase";
import type { StackConfig } from "../stack-config";
import { sentFiles } from "./files";
import { type PlanFile, PlanCollector, digestOf, hashOfFiles, parsePlanFile, planDifferences } from "./plan";

/** What is to run is not what was approved. Nothing was run. */
export class PlanChangedError extends UserError {
  /** What differs, a line each; the same words as in the message. */
  readonly differences: readonly string[];

  constructor(stack: string, differences: readonly string[]) {
    const shown = differences.slice(0, 20).map((line) => `\n    ${line}`);
    const rest = differences.length > 20 ? `\n    and ${differences.length - 20} more` : "";
    super({
      what: `the plan of ${stack} is another one than the approved: nothing was run`,
      value: `${shown.join("")}${rest}`,
      allowed: "exactly what was approved",
      next: `npx groundwork preview -s ${stack} --save-plan FILE, and have that approved`,
    });
    this.differences = differences;
  }
}

/** A plan that was approved: its file, or its digest alone. */
export type ApprovedPlan = PlanFile | { readonly digest: string };

/** Where the parts of a plan come from that no event tells. */
export interface PlanSource {
  /** Settings and secrets, where they are known before the preview. @default those that it tells */
  readonly config?: Pick<StackConfig, "settings" | "secrets">;
  /** Hash of what describes resources. @default of the platform's sources and the project's program */
  readonly program?: string;
  /** Folder of the project, which is not part of a plan. @default the environment's */
  readonly directory?: string;
  /** Variables with the key. @default those of this process */
  readonly variables?: Variables;
}

/** A plan in the making. */
export interface PlanInTheMaking {
  /** Takes the events of a preview. */
  readonly add: PlanCollector["add"];
  /** Takes the settings that the preview tells. */
  readonly onConfig: (config: StackConfig) => void;
  /** The plan of all events so far. @throws UserError where there is no key, Error where nobody has told the settings */
  readonly file: () => PlanFile;
  /** A secret. */
  readonly key: Uint8Array;
}

/**
 * Makes the plan of a preview that is about to run.
 *
 * Where there is no key, the plan's own members say so, and not this: a preview that lacks its passphrase fails by that, and tells
 * it where it is told.
 *
 * @example
 * const plan = beginPlan(environment);
 * await environment.preview({ onEvent: plan.add, onConfig: plan.onConfig });
 * const { digest } = plan.file();
 */
export function beginPlan(
  { name: stack, directory: own }: Pick<Environment, "directory" | "name">,
  source: PlanSource = {},
): PlanInTheMaking {
  const { directory = own, variables = process.env } = source;
  let key: Uint8Array;
  try {
    key = planKey(stack, variables);
  } catch (error) {
    return withoutKey(error);
  }
  let { config } = source;
  const known = (): Pick<StackConfig, "settings" | "secrets"> => {
    if (config === undefined) throw new Error("nobody has told the plan its settings: see onConfig");
    return config;
  };
  const collector = new PlanCollector({
    ...{ stack, key, program: source.program ?? programHash(directory) },
    get settings() {
      return canonicalSettings(known());
    },
    get files() {
      return sentFiles(known().settings, directory);
    },
    folders: [directory, projectRoot(), homedir()].filter((folder) => folder.length > 1),
  });
  const file = (): PlanFile => {
    const plan = collector.plan();
    return { digest: digestOf(plan, key), plan };
  };
  return { add: collector.add, onConfig: (told) => (config = told), file, key };
}

function withoutKey(reason: unknown): PlanInTheMaking {
  const refuse = (): never => {
    throw reason;
  };
  const nothing = (): void => undefined;
  return {
    ...{ add: nothing, onConfig: nothing, file: refuse },
    get key() {
      return refuse();
    },
  };
}

/**
 * Holds a fresh plan against the approved one.
 *
 * @throws PlanChangedError where they differ, with what differs
 * @throws UserError where the file was edited
 */
export function assertApproved(
  approved: ApprovedPlan,
  { file: fileOf, key }: Pick<PlanInTheMaking, "file" | "key">,
): void {
  const file = fileOf();
  const { stack } = file.plan;
  if ("plan" in approved && digestOf(approved.plan, key) !== approved.digest) {
    throw new UserError({
      what: "the plan's file does not fit its digest: it was edited, or made with another key",
      value: approved.digest,
      allowed: "a file as preview --save-plan wrote it, with the same passphrase or GROUNDWORK_PLAN_KEY",
      next: `npx groundwork preview -s ${stack} --save-plan FILE`,
    });
  }
  if (approved.digest === file.digest) return;
  const differences = "plan" in approved ? planDifferences(approved.plan, file.plan) : [];
  throw new PlanChangedError(
    stack,
    differences.length > 0
      ? differences
      : [`the digest: ${approved.digest} → ${file.digest} (with the plan's file, what differs is named)`],
  );
}

/**
 * Reads `--plan`: a digest, or a file.
 *
 * @throws UserError where it is neither
 */
export function readApproved(text: string): ApprovedPlan {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return { digest: text };
  try {
    return parsePlanFile(readFileSync(text, "utf8"));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError({
      what: "that is no plan",
      value: text,
      allowed: "a file that preview --save-plan wrote, or the digest that it printed",
      next: "npx groundwork preview -s staging --save-plan plan.json",
      cause,
    });
  }
}

/** The same for everybody who may run the stack, and for nobody else. Stretched, because a passphrase may be short. */
function planKey(stack: string, variables: Variables): Uint8Array {
  const secret = variables["GROUNDWORK_PLAN_KEY"] || passphraseOf(variables);
  if (secret === undefined) {
    throw new UserError({
      what: "there is no key for the plan's hashes",
      allowed:
        "GROUNDWORK_PLAN_KEY, or the stack's passphrase: the same where the plan is made and where it runs",
      next: "set GROUNDWORK_PLAN_KEY to a random text that is kept as a secret",
    });
  }
  return scryptSync(secret, `groundwork plan ${stack}`, 32);
}

function canonicalSettings(config: Pick<StackConfig, "settings" | "secrets">): string {
  return JSON.stringify([config.settings, Object.entries(config.secrets).sort()]);
}

/** What describes resources: the platform's sources here, and the project's own program. */
function programHash(directory: string): string {
  const root = projectRoot();
  const wanted = /\.(?:ts|js|sh)$/;
  const files = ["common", "components", "platform", "remote"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((name) => wanted.test(name))
      .map((name): [string, string] => [name, readFileSync(join(root, name), "utf8")]),
  );
  const own = ["package-lock.json", "index.ts"].map((name): [string, string] => [
    name,
    readFileSync(join(root, name), "utf8"),
  ]);
  const project = readdirSync(directory)
    .filter(
      (name) => (wanted.test(name) || name === "Pulumi.yaml") && statSync(join(directory, name)).isFile(),
    )
    .map((name): [string, string] => [`project/${name}`, readFileSync(join(directory, name), "utf8")]);
  return hashOfFiles([...files, ...own, ...project]);
}
