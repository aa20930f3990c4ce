import { join } from "node:path";
import { initProject } from "../../automation/init/init";
import type { CommandDeclaration } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";

interface InitChoice extends JsonChoice {
  readonly name?: string;
  readonly domain?: string;
}

export const init: CommandDeclaration<InitChoice> = {
  name: "init",
  summary: "writes a new project that comes up at once on this machine; asks nothing",
  example: "npx groundwork init my-app --domain example.com",
  arguments: [{ name: "[folder]", description: "where it goes (default: the folder you are in)" }],
  options: [
    { flags: "--name <name>", description: "the project's name (default: the folder's)" },
    { flags: "--domain <name>", description: "the zone's domain (default: <name>.localhost)" },
    jsonOption,
  ],
  run({ json = false, ...options }, { print, say }, [folder = "."]) {
    const files = initProject(folder, options);
    if (json) print(jsonAnswer("init", { folder, files }));
    else for (const file of files) print(`wrote ${join(folder, file)}`);
    say("what next:");
    say(`  see it on this machine       npx groundwork sandbox -s dev --directory ${folder}`);
    say(`  every setting                docs/settings.md; editors complete from schemas/stack.schema.json`);
    say(`  workflows, once it is in git npx groundwork ci --directory ${folder}`);
    return Promise.resolve();
  },
};
