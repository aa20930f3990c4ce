import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import colours from "picocolors";
import { Environment } from "../../automation/environment";
import { openProject } from "../../automation/project";
import { pullRequestIsOpen } from "../../automation/pull-requests/state";
import { gitHubPlace } from "../../automation/pull-requests/place";
import type { ShortLivedPlace } from "../../automation/short-lived/manage";
import { UserError } from "../../common/user-error";
import { readSettings } from "../../platform/settings";
import { publishSites } from "../../sandbox/publish-sites";
import { recoverFromKilledRun } from "../../sandbox/recover";
import { runningSandbox } from "../../sandbox/sandbox";
import type { PlaceChoice } from "../at-hand";
import type { CommandContext, OptionDeclaration } from "../command";
import { inSandbox } from "../in-sandbox";

/** Options of the commands on short-lived environments. */
export interface EnvChoice extends PlaceChoice {
  readonly from: string;
}

export const fromOption: OptionDeclaration = {
  flags: "--from <stack>",
  description: "the stack that they are made from",
  default: "staging",
};

/** Images of its own, which a pipeline has built. */
export const imageOption: OptionDeclaration = {
  flags: "--image <service=reference,...>",
  description:
    "images to run instead of those of the stack that it is made from: api=ghcr.io/acme/api:pr-123",
};

/** @throws UserError where it is no list of names and references */
export function imagesIn(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  return Object.fromEntries(
    text.split(",").map((each) => {
      const [, service, image] = /^([A-Za-z0-9._-]+)=(\S+)$/.exec(each.trim()) ?? [];
      if (service !== undefined && image !== undefined) return [service, image];
      throw new UserError({
        what: "this names no service and its image",
        value: each,
        allowed: "<service>=<reference>, or <origin>.<service>=<reference>; several with a comma between",
        next: "npx groundwork env up pr-123 --image api=ghcr.io/acme/api:pr-123",
      });
    }),
  );
}

/** A place, and what is done there besides. */
export interface ReadyPlace extends ShortLivedPlace {
  /** Publishes the sites of an environment; the cloud's are published by who builds them. */
  publish(name: string, file: string): Promise<void>;
}

/** Does `work` where short-lived environments of a template are: in its sandbox, where one runs, which is said. */
export async function atPlace<T>(
  { from, sandbox = true }: EnvChoice,
  doing: string,
  context: CommandContext,
  work: (place: ReadyPlace) => Promise<T>,
): Promise<T> {
  const { directory } = openProject();
  const isOpen = pullRequestIsOpen(gitHubPlace(process.env), context.say);
  if (!sandbox || (await runningSandbox(from)) === undefined) {
    return work({
      folder: directory,
      template: (stack) => readTemplate(join(directory, `Pulumi.${stack}.yaml`), stack),
      open: (stack) => Environment.open(stack, { directory, log: context.say }),
      isOpen,
      publish: () => Promise.resolve(),
    });
  }
  context.say(colours.dim(`in the sandbox of ${from} on this machine (--no-sandbox: the real one)`));
  return inSandbox({ stack: from }, doing, context, (ready) => {
    const { folder, engine, variables, configFile } = ready;
    const at = (name: string) => ({ ...ready, stack: name });
    return work({
      folder: folder.root,
      template: (stack) => readTemplate(stack === from ? configFile : folder.stackFile(stack), stack),
      open: async (stack, file = folder.stackFile(stack)) => {
        const environment = await Environment.open(stack, {
          directory,
          engine,
          configFile: file,
          checkToken: false,
          variables: { ...variables, PULUMI_OPTION_CONFIG_FILE: file },
        });
        if (stack !== from) await recoverFromKilledRun(at(stack), environment, context.say);
        return environment;
      },
      isOpen,
      publish: async (name, file) => {
        const sites = join(folder.sites, name);
        await publishSites(
          { ...at(name), folder: { ...folder, sites } },
          await readSettings(file, name),
          context.say,
        );
      },
    });
  });
}

function readTemplate(file: string, stack: string): string {
  if (existsSync(file)) return readFileSync(file, "utf8");
  throw new UserError({
    what: "there is no stack to make an environment from",
    value: stack,
    allowed: "a stack with a stack file",
    next: "npx groundwork env up pr-123 --from staging",
  });
}
