import { adopt as adoptZone } from "../../automation/adopt/adopt";
import { openProject } from "../../automation/project";
import type { Log } from "../../common/log";
import { UserError } from "../../common/user-error";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, chosen, openReal, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

interface AdoptChoice extends EnvironmentChoice, JsonChoice {
  readonly domain?: string;
  readonly account?: string;
  readonly project?: string;
  readonly bucket?: string;
  readonly zone?: boolean;
  readonly apiUrl?: string;
  readonly force?: boolean;
}

export const adopt: CommandDeclaration<AdoptChoice> = {
  name: "adopt",
  summary:
    "writes the stack file and the import list of what was made by hand at Cloudflare; changes nothing there",
  example: "npx groundwork adopt -s prod --domain example.com",
  options: [
    stackOption,
    { flags: "--domain <name>", description: "the zone's domain" },
    { flags: "--account <id>", description: "the account, where several have a zone of that name" },
    {
      flags: "--project <names>",
      description: "Pages projects, with commas between (default: those with a domain in the zone)",
    },
    {
      flags: "--bucket <names>",
      description: "R2 buckets, with commas between (default: all of the account)",
    },
    {
      flags: "--no-zone",
      description: "without the zone's settings and further records, where another stack has them",
    },
    { flags: "--api-url <url>", description: "another address of Cloudflare's API" },
    {
      flags: "--force",
      description: "writes over a stack file that is there; the first old one is kept beside it",
    },
    jsonOption,
  ],
  async run({ domain, account, project, bucket, zone = true, apiUrl, ...options }, context) {
    const { force = false, json = false, ...choice } = options;
    const stack = stackOf(choice, "adopt");
    if (domain === undefined) {
      throw new UserError({
        what: "which zone is not said",
        allowed: "--domain with the name of a zone",
        next: `npx groundwork adopt -s ${stack} --domain example.com`,
      });
    }
    const adopted = await adoptZone({
      stack,
      directory: openProject().directory,
      domain,
      accountId: account,
      apiToken: tokenOfEnvironment(),
      apiUrl,
      projects: namesIn(project),
      buckets: namesIn(bucket),
      withoutZone: !zone,
      force,
      open: () => openReal(stack, context),
      signal: context.signal,
      log: context.say,
    });
    if (json) {
      const { files, imported, kept, rewritten, made, remarks } = adopted;
      context.print(jsonAnswer("adopt", { stack, files, imported, kept, rewritten, made, remarks }));
    } else tell(adopted, context.print);
    context.say(
      `look at it: npx groundwork preview ${chosen(stack)}; take it over: npx groundwork up ${chosen(stack)}`,
    );
  },
};

function tell(adopted: Awaited<ReturnType<typeof adoptZone>>, print: Log): void {
  const { imported, kept, made, remarks, rewritten } = adopted;
  print(`${imported.length} things are taken over as they are, each named in the import list`);
  const section = (heading: string, lines: readonly string[]): void => {
    if (lines.length === 0) return;
    print(`${heading}:`);
    for (const line of lines) print(`  ${line}`);
  };
  section("stays as it is there, although the stack file says otherwise (keep in the import list)", kept);
  section("is written once more by the first up, with the values that are there", rewritten);
  section("is not there, and would be made", made);
  section("stays by hand", remarks);
}

function tokenOfEnvironment(): string {
  const token = process.env["CLOUDFLARE_API_TOKEN"];
  if (token !== undefined && token.trim() !== "") return token;
  throw new UserError({
    what: "no API token is in the environment",
    allowed: "CLOUDFLARE_API_TOKEN with a token that may read the zone and the account",
    next: "export CLOUDFLARE_API_TOKEN (from a password manager, not on a command line) and run the same command again",
  });
}

function namesIn(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
