import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { pipelineFiles, sealOf } from "../../../automation/pipelines";
import { pinnedAction, versionOf } from "../../../automation/pipelines/actions";
import { environmentFacts, type PipelineProject } from "../../../automation/pipelines/facts";
import { drillSchedule } from "../../../automation/pipelines/operations";
import { pipelineProject } from "../../../automation/pipelines/project";
import type { Job, Workflow } from "../../../automation/pipelines/workflow";
import { openProject } from "../../../automation/project";
import { commands } from "../../../cli/commands";
import { projectRoot } from "../../../common/project-root";
import { validateStackFile } from "../../../platform/settings";
import { buildActionlint } from "../../../sandbox/engine/actionlint";
import { runProgram, SandboxHome } from "../../support/command";
import { parsedAnswer } from "../../support/json-answer";
import { stackText } from "../../platform/settings/stack-text";

const systems = [".", "examples/plyr", "examples/pika", "examples/srq-hpn"];
const schedules = ["drift", "db drill"] as const;

async function filesOf(directory: string): Promise<Readonly<Record<string, string>>> {
  const { project } = await pipelineProject(openProject(join(projectRoot(), directory)));
  return pipelineFiles(project, schedules);
}

async function workflowsOf(directory: string): Promise<Readonly<Record<string, Workflow>>> {
  const files = await filesOf(directory);
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, parse(text) as Workflow] as const),
  );
}

const jobsOf = (workflows: Readonly<Record<string, Workflow>>): Job[] =>
  Object.values(workflows).flatMap(({ jobs }) => Object.values(jobs));

const temporary: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "gw-pipelines-"));
  temporary.push(made);
  return made;
}
afterAll(() => {
  for (const each of temporary) rmSync(each, { recursive: true, force: true });
});

/** A project of the stack file's settings alone. */
function projectOf(settings: string, stack = "prod"): PipelineProject {
  const text = stackText(settings);
  const result = validateStackFile({ file: "Pulumi.yaml", text, stack }, { secrets: "optional" });
  if ("issues" in result) throw new Error(JSON.stringify(result.issues));
  const environment = environmentFacts(result.settings);
  return {
    name: "own",
    directory: "infra",
    packageDirectory: ".",
    fromPackage: "infra",
    environments: environment === undefined ? [] : [environment],
  };
}

describe("the workflows of the four systems", () => {
  let actionlint: string;
  beforeAll(async () => {
    actionlint = await buildActionlint();
  }, 600_000);

  test.each(systems)("%s: actionlint has nothing to say", async (directory) => {
    const made = folder();
    const files = await filesOf(directory);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text);
    const paths = Object.keys(files).map((name) => join(made, name));
    expect(paths.length).toBeGreaterThan(3);
    const { all, code } = await runProgram(actionlint, ["-no-color", ...paths]);
    expect(all).toBe("");
    expect(code).toBe(0);
  });

  test("actionlint is one that finds mistakes", async () => {
    const file = join(folder(), "wrong.yml");
    writeFileSync(
      file,
      "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    needs: [b]\n    steps: [{ run: echo }]\n",
    );
    const { all, code } = await runProgram(actionlint, ["-no-color", file]);
    expect(all).toMatch(/needs/);
    expect(code).toBe(1);
  });

  test("what starts which deployment is what each system says of itself", async () => {
    const triggers = async (directory: string): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        Object.entries(await workflowsOf(directory)).flatMap(([name, { on }]) =>
          name.includes("deploy") ? [[name, on.push]] : [],
        ),
      );
    expect(await triggers(".")).toEqual({
      "groundwork-deploy-prod.yml": { branches: ["master"] },
      "groundwork-deploy-staging.yml": undefined,
    });
    expect(await triggers("examples/plyr")).toEqual({
      "plyr-deploy-prod.yml": { tags: ["v*"] },
      "plyr-deploy-staging.yml": { branches: ["main"] },
    });
    expect(await triggers("examples/pika")).toEqual({
      "pika-deploy-prod.yml": { branches: ["main"] },
      "pika-deploy-staging.yml": { branches: ["dev"] },
    });
    expect(await triggers("examples/srq-hpn")).toEqual({ "srq-hpn-deploy-prod.yml": undefined });
  });

  test("a drill is made only where there are backups", async () => {
    const drills = await Promise.all(
      systems.map(async (directory) =>
        Object.keys(await filesOf(directory)).filter((name) => /drill/.test(name)),
      ),
    );
    expect(drills.flat()).toEqual(["srq-hpn-drill.yml"]);
  });

  test.each(systems)("%s: every job has its own least rights, and the workflow none", async (directory) => {
    const workflows = await workflowsOf(directory);
    for (const workflow of Object.values(workflows)) expect(workflow.permissions).toEqual({});
    for (const [name, { jobs }] of Object.entries(workflows)) {
      for (const [id, { permissions }] of Object.entries(jobs)) {
        const mayWrite = Object.entries(permissions).flatMap(([what, how]) =>
          how === "write" ? [what] : [],
        );
        const expected = id.startsWith("preview-")
          ? ["pull-requests", "checks"]
          : id.startsWith("drift-")
            ? ["issues"]
            : [];
        expect([name, id, mayWrite]).toEqual([name, id, expected]);
      }
    }
  });

  test.each(systems)("%s: secrets reach only steps that need them, and by name", async (directory) => {
    const files = await filesOf(directory);
    for (const text of Object.values(files)) {
      const scripts = (parse(text) as Workflow).jobs;
      for (const { steps, env } of Object.values(scripts) as readonly Job[]) {
        expect(env).toBeUndefined();
        for (const { run = "", env: variables = {} } of steps) {
          expect(run).not.toMatch(/\$\{\{/);
          if (Object.values(variables).some((value) => value.includes("secrets."))) {
            expect(run).toMatch(/npx groundwork |docker (login|build)/);
          }
        }
      }
    }
  });

  test.each(systems)("%s: a pull request's code from a fork meets no secret", async (directory) => {
    const workflows = await workflowsOf(directory);
    for (const { on } of Object.values(workflows))
      expect(Object.keys(on)).not.toContain("pull_request_target");
    const [preview] = Object.values(workflows).filter(({ on }) => on.pull_request !== undefined);
    for (const [id, job] of Object.entries(preview?.jobs ?? {})) {
      if (JSON.stringify(job).includes("secrets."))
        expect([id, job.if]).toEqual([
          id,
          expect.stringContaining("head.repo.full_name == github.repository"),
        ]);
    }
  });

  test.each(systems)(
    "%s: every command and option in them is one of the command's own",
    async (directory) => {
      for (const { steps } of jobsOf(await workflowsOf(directory))) {
        for (const { run = "" } of steps) {
          for (const [, line = ""] of run.matchAll(/^npx groundwork (.+)/gm)) {
            const declared = commands
              .filter(({ name }) => line.startsWith(`${name} `))
              .sort((one, other) => other.name.length - one.name.length)[0];
            expect(declared?.name).toBeDefined();
            const flags = [...(declared?.options ?? []).map(({ flags }) => flags), "--directory"].join(" ");
            for (const [option] of run.matchAll(/--[a-z-]+/g)) expect(flags).toContain(option);
          }
        }
      }
    },
  );
});

describe("environments of pull requests", () => {
  const asked = "groundwork:pipelines: { pullRequests: { lifetime: 12h } }";
  const files = pipelineFiles(projectOf(asked, "staging"), schedules);
  const workflow = parse(files["own-pull-requests.yml"] ?? "") as Workflow;
  const commandOf = (job: Job | undefined): string => job?.steps.at(-1)?.run ?? "";

  test("one comes up with each push, goes when the pull request is closed, and by the hour where that was missed", () => {
    expect(workflow.on).toEqual({
      pull_request: { types: ["opened", "reopened", "synchronize", "closed"] },
      schedule: [{ cron: "37 * * * *" }],
      workflow_dispatch: {},
    });
    const { up, down, expired } = workflow.jobs;
    expect(commandOf(up)).toContain(
      'npx groundwork env up --directory infra "pr-$NUMBER" --from staging --lifetime 12h >',
    );
    expect(commandOf(down)).toBe('npx groundwork env gc --directory infra "pr-$NUMBER" --from staging');
    expect(commandOf(expired)).toBe("npx groundwork env gc --directory infra --from staging");
    // A closed one waits for the run that still brings it up, and neither cuts the other short.
    expect(up?.concurrency).toEqual(down?.concurrency);
    expect(up?.concurrency).toEqual({
      group: "own-pr-${{ github.event.pull_request.number }}",
      "cancel-in-progress": false,
    });
    // What a pull request says, its branch's name too, reaches no shell; and its code does not decide what is removed.
    expect(JSON.stringify(workflow.jobs)).not.toMatch(/head_ref|head\.ref|pull_request\.title/);
    for (const job of [down, expired])
      expect(job?.steps[0]?.with?.["ref"]).toBe("${{ github.event.repository.default_branch }}");
    expect([up, down, expired].map((job) => job?.permissions)).toEqual([
      { contents: "read" },
      { contents: "read" },
      { contents: "read", "pull-requests": "read" },
    ]);
  });

  test("a pull request's code from a fork meets no secret", () => {
    const { up, down, expired } = workflow.jobs;
    for (const job of [up, down]) expect(job?.if).toContain("head.repo.full_name == github.repository");
    expect(expired?.if).toBe("github.event_name != 'pull_request'");
    expect(Object.keys(workflow.jobs)).toHaveLength(3);
  });

  test("actionlint has nothing to say", async () => {
    const file = join(folder(), "own-pull-requests.yml");
    writeFileSync(file, files["own-pull-requests.yml"] ?? "");
    const { all, code } = await runProgram(await buildActionlint(), ["-no-color", file]);
    expect([all, code]).toEqual(["", 0]);
  }, 600_000);

  test("without the setting there is no such workflow; two stack files with it are refused by name", () => {
    expect(Object.keys(pipelineFiles(projectOf("", "staging"), schedules))).not.toContain(
      "own-pull-requests.yml",
    );
    const one = projectOf(asked, "staging");
    const other = projectOf(asked, "prod");
    const both = { ...one, environments: [...one.environments, ...other.environments] };
    expect(() => pipelineFiles(both, schedules)).toThrow(/staging, prod/);
  });
});

describe("what a stack file may ask for", () => {
  const compose = (service: string, more = "") =>
    `groundwork:hosts: { h: { address: 203.0.113.1, user: deploy, hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA } }
groundwork:origins: { api: { kind: compose, host: h, hostnames: [api.acme.example], project: api, composeFile: compose.yaml, ${more} services: { web: ${service} } } }`;

  test("an image with a build is built after the tests and pushed before the deployment, with its secrets by name", () => {
    const files = pipelineFiles(
      projectOf(
        `${compose(
          '{ image: ghcr.io/acme/web:latest, port: 80, publish: 80, build: { context: web, arguments: { NEXT_PUBLIC_A: "it\'s $HOME" }, secrets: { SENTRY_AUTH_TOKEN: { secret: SENTRY_AUTH_TOKEN } } } }',
        )}
groundwork:pipelines: { branch: main, tests: { unit: { run: npm test } } }`,
      ),
      [],
    );
    const { jobs } = parse(files["own-deploy-prod.yml"] ?? "") as Workflow;
    expect(Object.entries(jobs).map(([id, { needs }]) => [id, needs])).toEqual([
      ["test-unit", undefined],
      ["images", ["test-unit"]],
      ["deploy", ["images"]],
    ]);
    expect(jobs["images"]?.permissions).toEqual({ contents: "read", packages: "write" });
    expect(jobs["images"]?.if).toBe("github.ref == 'refs/heads/main'");
    const build = jobs["images"]?.steps.at(-1);
    expect(build?.run).toBe(
      [
        "docker build \\",
        "  --build-arg NEXT_PUBLIC_A \\",
        "  --secret id=SENTRY_AUTH_TOKEN,env=SENTRY_AUTH_TOKEN \\",
        "  --tag ghcr.io/acme/web:latest \\",
        "  --file infra/web/Dockerfile \\",
        "  infra/web",
        "docker push ghcr.io/acme/web:latest",
      ].join("\n"),
    );
    expect(build?.env).toEqual({
      NEXT_PUBLIC_A: "it's $HOME",
      SENTRY_AUTH_TOKEN: "${{ secrets.SENTRY_AUTH_TOKEN }}",
    });
  });

  test("an image at a registry that nobody can log in to is refused, with what to write", () => {
    expect(() =>
      projectOf(
        `${compose("{ image: registry.acme.example/web:1, port: 80, publish: 80, build: { context: web } }")}
groundwork:pipelines: { branch: main }`,
      ),
    ).toThrow(/nobody can log in to the registry[^]*origins\.api\.registry/);
  });

  test.each([
    ["{ kind: aws, role: 'arn:aws:iam::000000000000:role/deploy', region: eu-central-1 }", "aws-actions/"],
    ["{ kind: pulumi-cloud, organization: acme }", "pulumi/auth-actions"],
  ])("state %s is reached by OIDC, without a key", (state, action) => {
    const files = pipelineFiles(projectOf(`groundwork:pipelines: { branch: main, state: ${state} }`), [
      "drift",
    ]);
    for (const [name, text] of Object.entries(files)) {
      const { jobs } = parse(text) as Workflow;
      for (const [id, { permissions, steps }] of Object.entries(jobs)) {
        if (id === "forks") continue;
        expect([name, permissions["id-token"]]).toEqual([name, "write"]);
        expect(steps.some(({ uses = "" }) => uses.startsWith(action))).toBe(true);
      }
      expect(text).not.toMatch(/AWS_ACCESS_KEY_ID|PULUMI_ACCESS_TOKEN/);
    }
  });

  test.each([
    "{ kind: aws, role: 'arn:aws:iam::000000000000:role/deploy', region: eu-central-1 }",
    "{ kind: pulumi-cloud, organization: acme }",
  ])(
    "with state %s, what makes a plan and what is held against one have a key without a passphrase",
    (state) => {
      const files = pipelineFiles(
        projectOf(`groundwork:pipelines: { branch: main, state: ${state} }`),
        schedules,
      );
      const withKey = Object.entries(files).flatMap(([name, text]) =>
        Object.values((parse(text) as Workflow).jobs)
          .flatMap(({ steps }) => steps)
          .filter(({ env = {} }) => env["GROUNDWORK_PLAN_KEY"] === "${{ secrets.GROUNDWORK_PLAN_KEY }}")
          .map((step) => `${name} ${step.name}`),
      );
      expect(withKey).toEqual(["own-preview.yml Preview", "own-deploy-prod.yml Deploy"]);
    },
  );

  test("development gets no pipelines", () => {
    expect(projectOf("", "dev").environments).toEqual([]);
  });

  test.each([
    [92, "41 4 1 */3 *"],
    [90, "41 4 1 * *"],
    [30, "41 4 * * 1"],
    [3, "41 4 * * *"],
  ])("backups to be restored every %d days are restored on %s", (days, cron) => {
    expect(drillSchedule(days)).toBe(cron);
  });

  test("every action is pinned by a commit and says its version", () => {
    const { uses, version } = pinnedAction("actions/checkout");
    expect(uses).toMatch(/^actions\/checkout@[0-9a-f]{40}$/);
    expect(versionOf(uses)).toBe(version);
    expect(versionOf("actions/checkout@v4")).toBeUndefined();
    const { all } = { all: pipelineFiles(projectOf("groundwork:pipelines: { branch: main }"), ["drift"]) };
    for (const text of Object.values(all)) {
      for (const [line] of text.matchAll(/uses: .*/g)) expect(line).toMatch(/@[0-9a-f]{40} # v?\d/);
    }
  });
});

describe("groundwork ci", () => {
  const home = new SandboxHome();
  let repository: string;
  const ci = (...words: string[]) => home.run(["ci", "--directory", join(repository, "infra"), ...words]);
  const workflow = (): string => join(repository, ".github", "workflows", "own-preview.yml");

  beforeAll(() => {
    repository = folder();
    mkdirSync(join(repository, "infra"));
    execFileSync("git", ["init", "-q", repository]);
    writeFileSync(join(repository, "package.json"), "{}\n");
    writeFileSync(join(repository, "infra", "Pulumi.yaml"), "name: own\nruntime: nodejs\n");
    writeFileSync(
      join(repository, "infra", "Pulumi.prod.yaml"),
      stackText("groundwork:pipelines: { branch: main }"),
    );
  });
  afterAll(() => home.remove([]));

  test("writes them into the repository, and a second run changes nothing", async () => {
    const stale = await ci("--check", "--json");
    expect(stale.code).toBe(1);
    const { changes, wanted, written } = parsedAnswer("ci", stale.stdout);
    expect([changes.map(({ file }) => file), written]).toEqual([wanted, false]);
    const first = await ci();
    expect([first.code, first.stdout.match(/^wrote /gm)?.length]).toEqual([0, 3]);
    expect(readdirSync(join(repository, ".github", "workflows")).sort()).toEqual([
      "own-deploy-prod.yml",
      "own-drift.yml",
      "own-preview.yml",
    ]);
    const text = readFileSync(workflow(), "utf8");
    expect(sealOf(text)).toBe("whole");
    const again = await ci();
    expect([again.code, again.stdout]).toEqual([0, ""]);
    expect(parsedAnswer("ci", (await ci("--json")).stdout)).toMatchObject({
      wanted,
      changes: [],
      written: true,
    });
    expect(readFileSync(workflow(), "utf8")).toBe(text);
    expect((await ci("--check")).code).toBe(0);
  }, 120_000);

  test("--check fails and writes nothing where a stack file has changed since", async () => {
    const before = readFileSync(workflow(), "utf8");
    const file = join(repository, "infra", "Pulumi.prod.yaml");
    writeFileSync(
      file,
      stackText("groundwork:pipelines: { branch: main, tests: { unit: { run: npm test } } }"),
    );
    const checked = await ci("--check");
    expect(checked.code).toBe(1);
    expect(checked.stderr).toMatch(/own-preview\.yml differs[^]*next: npx groundwork ci/);
    expect(readFileSync(workflow(), "utf8")).toBe(before);
    expect((await ci()).code).toBe(0);
    expect(readFileSync(workflow(), "utf8")).toContain("npm test");
  }, 120_000);

  test("a file edited by hand is left alone until --force is given", async () => {
    const whole = readFileSync(workflow(), "utf8");
    writeFileSync(workflow(), `${whole}# mine\n`);
    const refused = await ci();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/edited by hand[^]*--force/);
    expect(readFileSync(workflow(), "utf8")).toBe(`${whole}# mine\n`);
    expect((await ci("--force")).code).toBe(0);
    expect(readFileSync(workflow(), "utf8")).toBe(whole);
  }, 120_000);

  test("outside of a repository it says so", async () => {
    const bare = folder();
    writeFileSync(join(bare, "Pulumi.yaml"), "name: own\nruntime: nodejs\n");
    const { code, stderr } = await home.run(["ci", "--directory", bare]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/no git repository[^]*git init/);
  }, 60_000);
});
