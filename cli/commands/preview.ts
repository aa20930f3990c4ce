import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { previewAndComment } from "../preview-comment";
import { runAndTell } from "../run";

interface PreviewChoice extends EnvironmentChoice {
  readonly comment?: boolean;
}

export const preview: CommandDeclaration<PreviewChoice> = {
  name: "preview",
  summary: "shows what up would do; changes nothing",
  example: "npx groundwork preview -s staging",
  options: [
    stackOption,
    { flags: "--comment", description: "puts the report on the pull request that this job is about" },
  ],
  async run(options, context) {
    const environment = await openOwn(stackOf(options, "preview"), context);
    if (options.comment === true) await previewAndComment(environment, context);
    else await runAndTell(environment, "preview", context);
  },
};
