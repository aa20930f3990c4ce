import { UserError } from "../../common/user-error";
import type { PipelineEnvironment, PipelineProject } from "./facts";
import { checkout, inFolder, ownRunner, setUpNode } from "./steps";
import type { Job } from "./workflow";

type Tests = PipelineEnvironment["tests"];

/** Jobs that run tests: without a secret, and with a token that may read the sources and nothing else. */
export function testJobs({ directory }: PipelineProject, tests: Tests): Readonly<Record<string, Job>> {
  return Object.fromEntries(
    Object.entries(tests).map(([name, { run, directory: below, image }]): [string, Job] => [
      `test-${name}`,
      {
        name: `test ${name}`,
        "runs-on": ownRunner,
        ...(image === undefined ? {} : { container: image }),
        "timeout-minutes": 60,
        permissions: { contents: "read" },
        steps: [
          checkout,
          ...(image === undefined ? [setUpNode] : []),
          { name: "Test", ...inFolder(joined(directory, below)), run },
        ],
      },
    ]),
  );
}

/** The tests of several environments. @throws UserError where two have different ones under one name */
export function allTests(environments: readonly PipelineEnvironment[]): Tests {
  const all: Record<string, Tests[string]> = {};
  for (const { name: stack, tests } of environments) {
    for (const [name, test] of Object.entries(tests)) {
      const before = all[name];
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(test)) {
        throw new UserError({
          what: "two environments have different tests under one name",
          value: name,
          allowed: "the same test in both, or two names",
          next: `look at groundwork:pipelines.tests.${name} in Pulumi.${stack}.yaml and in the stack files before it`,
        });
      }
      all[name] = test;
    }
  }
  return all;
}

/** A folder below another, both from the repository's root. */
export function joined(directory: string, below: string | undefined): string {
  const parts = [directory, below ?? "."].filter((part) => part !== ".");
  return parts.length === 0 ? "." : parts.join("/");
}
