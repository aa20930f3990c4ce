import { UserError } from "../../common/user-error";
import type { PipelineEnvironment, PipelineProject } from "./facts";
import { groundwork, inFolder, logIn, prepare, rights, secret, trusted, variablesOf } from "./steps";
import type { Job, Workflow } from "./workflow";

/** Once an hour: what is forgotten costs until it goes. */
const everyHour = "37 * * * *";

const number = "${{ github.event.pull_request.number }}";

/**
 * An environment for each pull request: made with its first push, following the later ones, gone when it is closed. What that
 * missed, and what has expired, goes by schedule.
 *
 * @throws UserError where two stack files ask for it: an environment is made from one
 */
export function pullRequestWorkflow(project: PipelineProject): Workflow | undefined {
  const templates = project.environments.filter(({ pullRequests }) => pullRequests !== undefined);
  const [template] = templates;
  if (template?.pullRequests === undefined) return undefined;
  if (templates.length > 1) {
    throw new UserError({
      what: "more than one stack file says that environments of pull requests are made from it",
      value: templates.map(({ name }) => name).join(", "),
      allowed: "groundwork:pipelines.pullRequests in one of them",
      next: "take it out of the others",
    });
  }
  const { lifetime, public: isPublic } = template.pullRequests;
  const from = `--from ${template.name}`;
  const one = `"pr-$NUMBER"`;
  const up = groundwork(project, "env up", [
    one,
    from,
    `--lifetime ${lifetime}`,
    ...(isPublic ? ["--public"] : []),
  ]);
  // The newer push waits for the older one's run; a run that is cut short would leave more to mend.
  const inTurn = { concurrency: { group: `${project.name}-pr-${number}`, "cancel-in-progress": false } };
  const closed = "github.event_name == 'pull_request' && github.event.action == 'closed'";
  const open = "github.event_name == 'pull_request' && github.event.action != 'closed'";
  return {
    name: `${project.name}: environments of pull requests`,
    on: {
      pull_request: { types: ["opened", "reopened", "synchronize", "closed"] },
      schedule: [{ cron: everyHour }],
      workflow_dispatch: {},
    },
    permissions: {},
    jobs: {
      up: {
        name: "environment of the pull request",
        if: `${open} && ${trusted}`,
        ...common(template),
        permissions: rights(template),
        ...inTurn,
        steps: [
          ...prepare(project),
          ...logIn(template),
          {
            name: "Bring up",
            ...inFolder(project.packageDirectory),
            run: [
              `${up} > "$RUNNER_TEMP/addresses"`,
              `cat "$RUNNER_TEMP/addresses" >> "$GITHUB_STEP_SUMMARY"`,
            ].join("\n"),
            env: { ...variablesOf(template), NUMBER: number },
          },
        ],
      },
      down: removal(project, template, {
        name: "remove the environment of a closed pull request",
        if: `${closed} && ${trusted}`,
        permissions: rights(template),
        ...inTurn,
        run: groundwork(project, "env gc", [one, from]),
        env: { NUMBER: number },
      }),
      expired: removal(project, template, {
        name: "remove environments that expired or were forgotten",
        if: "github.event_name != 'pull_request'",
        permissions: rights(template, { "pull-requests": "read" }),
        concurrency: { group: `${project.name}-pr-expired`, "cancel-in-progress": false },
        run: groundwork(project, "env gc", [from]),
        env: { GITHUB_TOKEN: secret("GITHUB_TOKEN") },
      }),
    },
  };
}

function common({ runner }: PipelineEnvironment): Pick<Job, "runs-on" | "timeout-minutes"> {
  return { "runs-on": runner, "timeout-minutes": 60 };
}

/** By the default branch's sources: a closed pull request's may be gone. */
function removal(
  project: PipelineProject,
  template: PipelineEnvironment,
  {
    run,
    env,
    ...job
  }: Pick<Job, "name" | "if" | "permissions" | "concurrency"> & {
    readonly run: string;
    readonly env: Readonly<Record<string, string>>;
  },
): Job {
  return {
    ...job,
    ...common(template),
    steps: [
      ...prepare(project, "${{ github.event.repository.default_branch }}"),
      ...logIn(template),
      {
        name: "Remove",
        ...inFolder(project.packageDirectory),
        run,
        env: { ...variablesOf(template), ...env },
      },
    ],
  };
}
