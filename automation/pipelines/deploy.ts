import type { BuildValue, DeployTrigger, ImageBuild, PipelineEnvironment, PipelineProject } from "./facts";
import {
  checkout,
  groundwork,
  inFolder,
  logIn,
  oneAtATime,
  ownRunner,
  planKey,
  prepare,
  quoted,
  rights,
  secret,
  variablesOf,
} from "./steps";
import { joined, testJobs } from "./tests";
import type { Job, Step, Triggers, Workflow } from "./workflow";

/** Tests, images and the deployment of one environment. */
export function deployWorkflow(project: PipelineProject, environment: PipelineEnvironment): Workflow {
  const { name, trigger, images, url, runner } = environment;
  const tests = testJobs(project, environment.tests);
  const only = onlyOn(trigger);
  const built: Workflow["jobs"] =
    images.length === 0 ? {} : { images: imagesJob(project, images, Object.keys(tests), only) };
  const before = images.length === 0 ? Object.keys(tests) : ["images"];
  return {
    name: `${project.name}: deploy ${name}`,
    on: triggersOf(trigger),
    permissions: {},
    jobs: {
      ...tests,
      ...built,
      deploy: {
        name: `deploy ${name}`,
        ...(only === undefined ? {} : { if: only }),
        ...(before.length === 0 ? {} : { needs: before }),
        "runs-on": runner,
        "timeout-minutes": 60,
        permissions: rights(environment),
        environment: url === undefined ? name : { name, url },
        ...oneAtATime(project, name),
        steps: [
          ...prepare(project),
          ...logIn(environment),
          {
            name: "Deploy",
            ...inFolder(project.packageDirectory),
            run: `${groundwork(project, "up", [`-s ${name}`])} \${PLAN:+--plan "$PLAN"}`,
            env: { ...variablesOf(environment), ...planKey, PLAN: "${{ inputs.plan }}" },
          },
        ],
      },
    },
  };
}

function triggersOf(trigger: DeployTrigger): Triggers {
  const byHand: Triggers = {
    workflow_dispatch: {
      inputs: {
        plan: {
          description: "The digest of the plan that was approved; anything else is refused. Empty: any plan",
          type: "string",
          required: false,
        },
      },
    },
  };
  if (trigger.kind === "branch") return { push: { branches: [trigger.branch] }, ...byHand };
  if (trigger.kind === "tag") return { push: { tags: [trigger.pattern] }, ...byHand };
  return byHand;
}

/** A run by hand may be started on any branch: it must not deploy what a push would not. */
function onlyOn(trigger: DeployTrigger): string | undefined {
  if (trigger.kind === "branch") return `github.ref == 'refs/heads/${trigger.branch}'`;
  if (trigger.kind === "tag") {
    const [start = ""] = trigger.pattern.split("*");
    return `startsWith(github.ref, 'refs/tags/${start}')`;
  }
  return undefined;
}

/** Builds and pushes every image under the name that the stack file gives it. */
function imagesJob(
  { directory }: PipelineProject,
  images: readonly ImageBuild[],
  needs: readonly string[],
  only: string | undefined,
): Job {
  const logins = new Map(images.map((image) => [image.registry, image]));
  const toGitHub = logins.has("ghcr.io");
  return {
    name: "images",
    ...(only === undefined ? {} : { if: only }),
    ...(needs.length === 0 ? {} : { needs }),
    "runs-on": ownRunner,
    "timeout-minutes": 60,
    permissions: { contents: "read", ...(toGitHub ? { packages: "write" as const } : {}) },
    steps: [
      checkout,
      ...[...logins.values()].map(loginStep),
      ...images.map((image): Step => {
        const context = joined(directory, image.context);
        const { env, words } = buildWords(image);
        return {
          name: `Build ${image.name}`,
          run: [
            ["docker build", ...words, `--tag ${image.reference}`]
              .concat([`--file ${quoted(joined(context, image.dockerfile))}`, quoted(context)])
              .join(" \\\n  "),
            `docker push ${image.reference}`,
          ].join("\n"),
          ...(Object.keys(env).length === 0 ? {} : { env }),
        };
      }),
    ],
  };
}

function loginStep({ registry, login }: ImageBuild): Step {
  return {
    name: `Log in to ${registry}`,
    run: `printf %s "$REGISTRY_PASSWORD" | docker login ${registry} --username "$REGISTRY_USERNAME" --password-stdin`,
    env: {
      REGISTRY_USERNAME: login?.username ?? "${{ github.actor }}",
      REGISTRY_PASSWORD: secret(login?.passwordSecret ?? "GITHUB_TOKEN"),
    },
  };
}

/** Values travel by the environment, so that a secret is in no command line and a text needs no quoting. */
function buildWords(image: ImageBuild): { words: string[]; env: Record<string, string> } {
  const env: Record<string, string> = {};
  const words: string[] = [];
  const put = (name: string, value: BuildValue): void => {
    env[name] = "text" in value ? value.text : secret(value.secret);
  };
  for (const [name, value] of Object.entries(image.arguments)) {
    put(name, value);
    words.push(`--build-arg ${name}`);
  }
  for (const [name, value] of Object.entries(image.secrets)) {
    put(name, value);
    words.push(`--secret id=${name},env=${name}`);
  }
  return { words, env };
}
