/** Workflows that look after what is deployed: rollback by hand, drift and backup drills by schedule. */
import type { PipelineEnvironment, PipelineProject } from "./facts";
import {
  groundwork,
  inFolder,
  logIn,
  oneAtATime,
  prepare,
  quoted,
  rights,
  secret,
  variablesOf,
} from "./steps";
import type { Job, Permissions, Workflow } from "./workflow";

/** Goes back to an earlier release, by hand. */
export function rollbackWorkflow(project: PipelineProject): Workflow | undefined {
  const environments = project.environments.filter(({ releases }) => releases);
  if (environments.length === 0) return undefined;
  const jobs = environments.map((environment): [string, Job] => [
    `rollback-${environment.name}`,
    {
      name: `roll ${environment.name} back`,
      if: `inputs.environment == '${environment.name}'`,
      "runs-on": environment.runner,
      "timeout-minutes": 60,
      permissions: rights(environment),
      environment: environment.name,
      ...oneAtATime(project, environment.name),
      steps: [
        ...prepare(project),
        ...logIn(environment),
        {
          name: "Roll back",
          ...inFolder(project.packageDirectory),
          run: [
            `set -- ${`-s ${environment.name}`}`,
            'if [ -n "$ORIGIN" ]; then set -- "$@" --origin "$ORIGIN"; fi',
            'if [ -n "$TO" ]; then set -- "$@" --to "$TO"; fi',
            'if [ "$DOWNGRADE" = true ]; then set -- "$@" --downgrade; fi',
            `${groundwork(project, "rollback")} "$@"`,
          ].join("\n"),
          env: {
            ...variablesOf(environment),
            ORIGIN: "${{ inputs.origin }}",
            TO: "${{ inputs.to }}",
            DOWNGRADE: "${{ inputs.downgrade }}",
          },
        },
      ],
    },
  ]);
  return {
    name: `${project.name}: roll back`,
    on: {
      workflow_dispatch: {
        inputs: {
          environment: {
            description: "Which environment",
            type: "choice",
            required: true,
            options: environments.map(({ name }) => name),
          },
          origin: {
            description: "The entry of groundwork:origins. Empty: the only one",
            type: "string",
            required: false,
          },
          to: {
            description:
              "Id or number of a release, as groundwork releases lists them. Empty: the one before",
            type: "string",
            required: false,
          },
          downgrade: {
            description: "Take migrations back first, where the older release cannot work with one",
            type: "boolean",
            required: false,
            default: false,
          },
        },
      },
    },
    permissions: {},
    jobs: Object.fromEntries(jobs),
  };
}

/** Looks by schedule for what was changed outside. Where something was, a job fails and keeps an issue open. */
export function driftWorkflow(project: PipelineProject): Workflow | undefined {
  return scheduled(
    project,
    "drift",
    project.environments.flatMap((environment) =>
      environment.drift === undefined
        ? []
        : [
            {
              environment,
              cron: environment.drift,
              title: `drift of ${environment.name}`,
              id: `drift-${environment.name}`,
              command: groundwork(project, "drift", [`-s ${environment.name}`, "--issue"]),
              more: { issues: "write" },
              variables: { GITHUB_TOKEN: secret("GITHUB_TOKEN") },
            } as const,
          ],
    ),
  );
}

/** Restores the backups of each database as a test, as often as its stack file asks for. */
export function drillWorkflow(project: PipelineProject): Workflow | undefined {
  return scheduled(
    project,
    "backup drill",
    project.environments.flatMap((environment) =>
      environment.backups.map(({ database, restoreTestDays }) => ({
        environment,
        cron: drillSchedule(restoreTestDays),
        title: `restore a backup of ${environment.name}'s ${database}`,
        id: `drill-${environment.name}-${database}`,
        command: groundwork(project, "db drill", [
          `-s ${environment.name}`,
          `--database ${quoted(database)}`,
        ]),
      })),
    ),
  );
}

/** The rarest schedule that leaves at most so many days between two drills. */
export function drillSchedule(days: number): string {
  if (days >= 92) return "41 4 1 */3 *";
  if (days >= 31) return "41 4 1 * *";
  if (days >= 7) return "41 4 * * 1";
  return "41 4 * * *";
}

interface ScheduledJob {
  readonly environment: PipelineEnvironment;
  readonly cron: string;
  readonly id: string;
  readonly title: string;
  readonly command: string;
  /** Rights beside those that logging in needs. @default none */
  readonly more?: Permissions;
  /** Further variables of the command. @default none */
  readonly variables?: Readonly<Record<string, string>>;
}

function scheduled(
  project: PipelineProject,
  what: string,
  jobs: readonly ScheduledJob[],
): Workflow | undefined {
  if (jobs.length === 0) return undefined;
  const crons = [...new Set(jobs.map(({ cron }) => cron))];
  return {
    name: `${project.name}: ${what}`,
    on: { schedule: crons.map((cron) => ({ cron })), workflow_dispatch: {} },
    permissions: {},
    jobs: Object.fromEntries(
      jobs.map(({ environment, cron, id, title, command, more, variables }): [string, Job] => [
        id,
        {
          name: title,
          ...(crons.length === 1
            ? {}
            : { if: `github.event_name != 'schedule' || github.event.schedule == '${cron}'` }),
          "runs-on": environment.runner,
          "timeout-minutes": 60,
          permissions: rights(environment, more),
          // The state is locked while it is looked at: a deployment at the same time would be refused.
          ...oneAtATime(project, environment.name),
          steps: [
            ...prepare(project),
            ...logIn(environment),
            {
              name: "Run",
              ...inFolder(project.packageDirectory),
              run: command,
              env: { ...variablesOf(environment), ...variables },
            },
          ],
        },
      ]),
    ),
  };
}
