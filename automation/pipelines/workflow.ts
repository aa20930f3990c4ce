import { Document, isScalar, visit } from "yaml";
import { versionOf } from "./actions";

/** Rights of the job's own token. What is not named it has not. */
export type Permissions = Readonly<
  Partial<
    Record<"contents" | "pull-requests" | "checks" | "packages" | "id-token" | "issues", "read" | "write">
  >
>;

export interface Concurrency {
  readonly group: string;
  readonly "cancel-in-progress": boolean;
}

type Variables = Readonly<Record<string, string>>;

export interface Step {
  readonly name: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly run?: string;
  readonly "working-directory"?: string;
  readonly env?: Variables;
}

/** A job as GitHub Actions reads it. Every one says its own rights and its longest time. */
export interface Job {
  readonly name: string;
  readonly if?: string;
  readonly needs?: readonly string[];
  readonly "runs-on": string;
  readonly container?: string;
  readonly "timeout-minutes": number;
  readonly permissions: Permissions;
  readonly environment?: string | { readonly name: string; readonly url: string };
  readonly concurrency?: Concurrency;
  readonly env?: Variables;
  readonly steps: readonly Step[];
}

/** An input of a run that is started by hand. */
export interface Input {
  readonly description: string;
  readonly type: "string" | "boolean" | "choice";
  readonly required: boolean;
  readonly options?: readonly string[];
  readonly default?: string | boolean;
}

export interface Triggers {
  readonly push?: { readonly branches?: readonly string[]; readonly tags?: readonly string[] };
  readonly pull_request?: { readonly types?: readonly string[] };
  readonly schedule?: readonly { readonly cron: string }[];
  readonly workflow_dispatch?: { readonly inputs?: Readonly<Record<string, Input>> };
}

/** A workflow of GitHub Actions. */
export interface Workflow {
  readonly name: string;
  readonly on: Triggers;
  /** None: each job says its own. */
  readonly permissions: Permissions;
  readonly concurrency?: Concurrency;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** The text of a workflow: the same for the same workflow, actions with their version behind them as a comment. */
export function workflowText(workflow: Workflow): string {
  const document = new Document(workflow, { aliasDuplicateObjects: false });
  visit(document, {
    Pair: (_key, { key, value }) => {
      if (!isScalar(key) || key.value !== "uses" || !isScalar(value)) return;
      const version = versionOf(String(value.value));
      if (version !== undefined) value.comment = ` ${version}`;
    },
  });
  return document.toString({ lineWidth: 0 });
}
