import colours from "picocolors";
import { abandonRelease, release as makeRelease, type Released } from "../../automation/release/release";
import { openProject } from "../../automation/project";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, openReal, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

interface ReleaseChoice extends EnvironmentChoice, JsonChoice {
  readonly dryRun?: boolean;
  readonly abandon?: boolean;
}

export const release: CommandDeclaration<ReleaseChoice> = {
  name: "release",
  summary: "releases what staging runs: a tag, the production branch moved to it, the same image digests",
  example: "npx groundwork release --dry-run",
  options: [
    stackOption,
    { flags: "--dry-run", description: "looks at everything, says what would be done, and changes nothing" },
    { flags: "--abandon", description: "gives a release up that was cut short before it was pushed" },
    jsonOption,
  ],
  async run({ dryRun = false, abandon = false, json = false, ...choice }, context) {
    const project = openProject();
    const { print, say } = context;
    if (abandon) {
      const tag = await abandonRelease(project, { dryRun });
      if (json) print(jsonAnswer("release --abandon", { tag }));
      say(
        tag === undefined
          ? "no release was begun here"
          : dryRun
            ? `would give up release ${tag} and its tag here; nothing was changed`
            : `release ${tag} is given up; its commit stays nowhere`,
      );
      return;
    }
    const stack = choice.stack === undefined ? undefined : stackOf(choice, "release");
    const released = await makeRelease({
      project,
      stack,
      dryRun,
      open: (name) => openReal(name, context),
      signal: context.signal,
      log: (line) => say(colours.dim(`  ${line}`)),
    });
    if (json) {
      const images = released.images.map(({ name, from, to }) => ({ name, from, to }));
      print(jsonAnswer("release", { ...released, images, made: !dryRun }));
    } else for (const line of releaseLines(released, dryRun)) print(line);
    if (dryRun) {
      say(
        `nothing was changed; npx groundwork release ${choice.stack === undefined ? "" : `-s ${choice.stack} `}does it`,
      );
      return;
    }
    say(
      `its pipeline deploys it (groundwork ci); without one: git checkout ${released.tag} && npx groundwork up -s ${released.stack}`,
    );
  },
};

function releaseLines({ commit, images, resumed, stack, tag }: Released, dryRun: boolean): string[] {
  return [
    ...images.map(({ name, from, to }) => `${name}: ${from ?? "(compose file)"} -> ${to}`),
    dryRun
      ? `${resumed ? "would go on with" : "would make"} release ${tag} of ${stack}`
      : `released ${tag} to ${stack}: ${commit?.slice(0, 12) ?? ""}`,
  ];
}
