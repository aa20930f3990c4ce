import colours from "picocolors";
import { abandonRelease, release as makeRelease } from "../../automation/release/release";
import { openProject } from "../../automation/project";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";

interface ReleaseChoice extends EnvironmentChoice {
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
  ],
  async run({ dryRun = false, abandon = false, ...choice }, context) {
    const project = openProject();
    const { print, say } = context;
    if (abandon) {
      const tag = await abandonRelease(project);
      say(
        tag === undefined
          ? "no release was begun here"
          : `release ${tag} is given up; its commit stays nowhere`,
      );
      return;
    }
    const stack = choice.stack === undefined ? undefined : stackOf(choice, "release");
    const released = await makeRelease({
      project,
      stack,
      dryRun,
      open: (name) => openOwn(name, context),
      log: (line) => say(colours.dim(`  ${line}`)),
    });
    for (const { name, from, to } of released.images) print(`${name}: ${from ?? "(compose file)"} -> ${to}`);
    if (dryRun) {
      print(
        `${released.resumed ? "would go on with" : "would make"} release ${released.tag} of ${released.stack}`,
      );
      say(
        `nothing was changed; npx groundwork release ${choice.stack === undefined ? "" : `-s ${choice.stack} `}does it`,
      );
      return;
    }
    print(`released ${released.tag} to ${released.stack}: ${released.commit?.slice(0, 12) ?? ""}`);
    say(
      `its pipeline deploys it (groundwork ci); without one: git checkout ${released.tag} && npx groundwork up -s ${released.stack}`,
    );
  },
};
