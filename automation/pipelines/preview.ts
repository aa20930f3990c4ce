import type { PipelineProject } from "./facts";
import {
  groundwork,
  inFolder,
  logIn,
  ownRunner,
  planKey,
  prepare,
  rights,
  secret,
  trusted,
  variablesOf,
} from "./steps";
import { allTests, testJobs } from "./tests";
import type { Workflow } from "./workflow";

/** Tests, and what each environment would become, on every pull request. */
export function previewWorkflow(project: PipelineProject): Workflow | undefined {
  const previewed = project.environments.filter((each) => each.previewed);
  const tests = testJobs(project, allTests(project.environments));
  if (previewed.length === 0 && Object.keys(tests).length === 0) return undefined;
  const previews = previewed.map((environment) => [
    `preview-${environment.name}`,
    {
      name: `preview ${environment.name}`,
      if: trusted,
      "runs-on": environment.runner,
      "timeout-minutes": 30,
      permissions: rights(environment, { "pull-requests": "write", checks: "write" }),
      steps: [
        ...prepare(project),
        ...logIn(environment),
        {
          name: "Preview",
          ...inFolder(project.packageDirectory),
          run: groundwork(project, "preview", [
            `-s ${environment.name}`,
            "--comment",
            `--save-plan "$RUNNER_TEMP/plan.json"`,
          ]),
          env: { ...variablesOf(environment), ...planKey, GITHUB_TOKEN: secret("GITHUB_TOKEN") },
        },
      ],
    },
  ]);
  const forks = {
    name: "no preview of a fork",
    if: `!(${trusted})`,
    "runs-on": ownRunner,
    "timeout-minutes": 5,
    permissions: {},
    steps: [
      {
        name: "Say why",
        run: [
          "cat >> \"$GITHUB_STEP_SUMMARY\" <<'END'",
          "A pull request of a fork is given no secrets, so no environment can be previewed here. A maintainer who has",
          "read it pushes it to a branch of this repository, or runs `npx groundwork preview`.",
          "END",
        ].join("\n"),
      },
    ],
  };
  return {
    name: `${project.name}: preview`,
    on: { pull_request: {} },
    permissions: {},
    concurrency: {
      group: `${project.name}-preview-\${{ github.event.pull_request.number }}`,
      "cancel-in-progress": true,
    },
    jobs: {
      ...tests,
      ...(Object.fromEntries(previews) as Workflow["jobs"]),
      ...(previewed.length === 0 ? {} : { forks }),
    },
  };
}
