import { join, relative, resolve } from "node:path";
import { pipelineFiles, type ScheduledVerb } from "../../automation/pipelines";
import { fileChanges, writeFiles } from "../../automation/pipelines/files";
import { pipelineProject } from "../../automation/pipelines/project";
import { openProject } from "../../automation/project";
import { UserError } from "../../common/user-error";
import { type CommandDeclaration, directoryOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";

interface CiChoice extends JsonChoice {
  readonly directory?: string;
  readonly output?: string;
  readonly check?: boolean;
  readonly force?: boolean;
}

const words = { add: "wrote", change: "rewrote", remove: "removed" } as const;
const lacks = { add: "is missing", change: "differs", remove: "is not wanted any more" } as const;

/** @param verbs all that the command has: a schedule is made only of one that is there */
export function ciCommand(verbs: () => readonly string[]): CommandDeclaration<CiChoice> {
  return {
    name: "ci",
    summary:
      "writes workflows of GitHub Actions from the stack files: tests, previews, deployments, rollback",
    example: "npx groundwork ci --directory examples/plyr --check",
    options: [
      directoryOption,
      {
        flags: "--output <folder>",
        description: "where they go (default: .github/workflows of the repository)",
      },
      { flags: "--check", description: "writes nothing; fails where a workflow is not what it should be" },
      { flags: "--force", description: "overwrites workflows that were edited by hand" },
      jsonOption,
    ],
    async run({ directory, output, check = false, force = false, json = false }, { print, say }) {
      const { project, root } = await pipelineProject(openProject(directory));
      const scheduled = (["drift", "db drill"] as const).filter((verb: ScheduledVerb) =>
        verbs().includes(verb),
      );
      const wanted = pipelineFiles(project, scheduled);
      const folder = output === undefined ? join(root, ".github", "workflows") : resolve(output);
      const changes = fileChanges(folder, `${project.name}-`, wanted);
      const shown = (file: string): string => relative(process.cwd(), join(folder, file));
      const tell = (written: boolean): void => {
        if (json) print(jsonAnswer("ci", { folder, wanted: Object.keys(wanted), changes, written }));
        else if (written) for (const { file, kind } of changes) print(`${words[kind]} ${shown(file)}`);
      };
      if (changes.length === 0) {
        tell(!check);
        say(
          `${Object.keys(wanted).length} workflows in ${relative(process.cwd(), folder) || "."}: all as they should be`,
        );
        return;
      }
      if (check) {
        tell(false);
        throw new UserError({
          what: "workflows are not what the stack files say",
          value: changes
            .map(({ file, kind, edited }) => `\n  ${shown(file)} ${edited ? "was edited" : lacks[kind]}`)
            .join(""),
          next: `npx groundwork ci --directory ${directory ?? "."}`,
        });
      }
      writeFiles(folder, changes, wanted, force);
      tell(true);
    },
  };
}
