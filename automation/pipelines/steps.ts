import type { ActionName } from "./actions";
import { pinnedAction } from "./actions";
import type { PipelineEnvironment, PipelineProject } from "./facts";
import type { Job, Permissions, Step } from "./workflow";

/**
 * Whether the pull request may be given secrets. One from a fork gets none, whatever is written here: GitHub gives its
 * jobs a token that reads and no secrets, as it does to Dependabot's. `pull_request_target` would hand them to its code.
 */
export const trusted =
  "github.event.pull_request.head.repo.full_name == github.repository && github.actor != 'dependabot[bot]'";

/** The runner of jobs that reach no host. */
export const ownRunner = "ubuntu-24.04";

const node = "22";

const action = (name: ActionName, step: Omit<Step, "uses">): Step => {
  const { name: title, if: condition, ...rest } = step;
  return {
    name: title,
    ...(condition === undefined ? {} : { if: condition }),
    uses: pinnedAction(name).uses,
    ...rest,
  };
};

/** The sources, without a login left beside them. */
export const checkout: Step = action("actions/checkout", {
  name: "Check out",
  with: { "persist-credentials": false },
});

export const setUpNode: Step = action("actions/setup-node", {
  name: "Set up Node",
  with: { "node-version": node, "package-manager-cache": false },
});

/**
 * Sources, Node, dependencies and the engine: what every `groundwork` command needs.
 *
 * @param ref which sources. Default: those that the run is about
 */
export function prepare({ packageDirectory }: PipelineProject, ref?: string): Step[] {
  const lock = packageDirectory === "." ? "package-lock.json" : `${packageDirectory}/package-lock.json`;
  return [
    ref === undefined ? checkout : { ...checkout, with: { ...checkout.with, ref } },
    setUpNode,
    action("actions/cache", {
      name: "Keep the engine",
      with: {
        path: "~/.cache/groundwork",
        key: `groundwork-\${{ runner.os }}-\${{ runner.arch }}-\${{ hashFiles('${lock}') }}`,
      },
    }),
    { name: "Install", ...inFolder(packageDirectory), run: "npm ci" },
  ];
}

/** Logs a job in to the state: by OIDC where the place knows it. */
export function logIn({ state, fly }: Pick<PipelineEnvironment, "state" | "fly">): Step[] {
  const flyctl = fly
    ? [action("superfly/flyctl-actions/setup-flyctl", { name: "Set up flyctl" })]
    : ([] as Step[]);
  if (state.kind === "aws") {
    return [
      ...flyctl,
      action("aws-actions/configure-aws-credentials", {
        name: "Take on the role",
        with: { "role-to-assume": state.role, "aws-region": state.region },
      }),
    ];
  }
  if (state.kind === "pulumi-cloud") {
    return [
      ...flyctl,
      action("pulumi/auth-actions", {
        name: "Log in to Pulumi Cloud",
        with: {
          organization: state.organization,
          "requested-token-type": "urn:pulumi:token-type:access_token:organization",
        },
      }),
    ];
  }
  return flyctl;
}

/** The rights that logging in needs beside those given. */
export function rights({ state }: Pick<PipelineEnvironment, "state">, more: Permissions = {}): Permissions {
  return {
    contents: "read",
    ...more,
    ...(state.kind === "keys" ? {} : { "id-token": "write" as const }),
  };
}

/** What a `groundwork` command on an environment finds in its variables: secrets by name, never a value. */
export function variablesOf({
  state,
  fly,
}: Pick<PipelineEnvironment, "state" | "fly">): Readonly<Record<string, string>> {
  return {
    ...(state.kind === "pulumi-cloud" ? {} : { PULUMI_BACKEND_URL: variable("PULUMI_BACKEND_URL") }),
    ...(state.kind === "keys" ? secrets("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") : {}),
    ...(state.kind === "pulumi-cloud" ? {} : secrets("PULUMI_CONFIG_PASSPHRASE")),
    ...secrets("CLOUDFLARE_API_TOKEN"),
    ...(fly ? secrets("FLY_API_TOKEN") : {}),
  };
}

export const secret = (name: string): string => `\${{ secrets.${name} }}`;
const variable = (name: string): string => `\${{ vars.${name} }}`;

function secrets(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, secret(name)]));
}

/** For a step that makes a plan or holds one against another. Unset in the repository, the stack's passphrase is the key. */
export const planKey: Readonly<Record<string, string>> = secrets("GROUNDWORK_PLAN_KEY");

/** A `groundwork` command of the project; its words must need no quoting. */
export function groundwork(project: PipelineProject, command: string, words: readonly string[] = []): string {
  return ["npx groundwork", command, "--directory", quoted(project.fromPackage), ...words].join(" ");
}

/** One text as one word of a shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@=,+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function inFolder(directory: string): Pick<Step, "working-directory"> {
  return directory === "." ? {} : { "working-directory": directory };
}

/** Keeps what changes one environment one after the other, whichever workflow it is in. */
export function oneAtATime(project: PipelineProject, environment: string): Pick<Job, "concurrency"> {
  return { concurrency: { group: `${project.name}-${environment}`, "cancel-in-progress": false } };
}
