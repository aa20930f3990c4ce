/** The `groundwork` command. Thin: each verb is declared in commands/, the work is done by automation/ and sandbox/. */
import { Command } from "commander";
import colours from "picocolors";
import { PolicyRefusedError } from "../automation/errors";
import { explainFailure } from "../automation/failures";
import { UserError } from "../common/user-error";
import { openProject } from "../automation/project";
import { type CommandContext, type CommandDeclaration, directoryOption, stackOption } from "./command";
import { commands } from "./commands";
import { exitCodes } from "./exit-codes";
import { listenForInterrupts } from "./interrupts";

const beginHere = `
Begin here:
  npm start                          the sample environment, on this machine, without any account
  npx groundwork sandbox -s staging  any environment, on this machine
  npx groundwork preview -s staging  what would change in the cloud
  npx groundwork help sandbox        options, subcommands and an example of a command`;

async function main(argv: readonly string[]): Promise<number> {
  const say = (line: string): void => console.error(line);
  const interrupts = listenForInterrupts(say);
  outliveFailedWrites();
  let code = 0;
  const context: CommandContext = {
    exitWith: (wanted) => {
      code = wanted;
    },
    print: (line) => console.log(line),
    say,
    ...interrupts,
  };
  const program = new Command("groundwork")
    .description(
      "One typed description of an environment, brought up by Pulumi: in the cloud, or here in a sandbox.",
    )
    .showHelpAfterError("(npx groundwork --help lists the commands)")
    .addHelpText("after", beginHere)
    .exitOverride();
  for (const group of groups(commands)) addGroup(program, group, context);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error, interrupts.signal.aborted);
  }
}

/**
 * Whoever reads may have had enough of it, as `| head` has, or the terminal is gone, or the disk is full: the command itself
 * goes on, and ends as it ends. Thrown from here, an error would end what is under way, and Pulumi's SDK would write down the
 * error of each write, which fails again, for ever.
 */
function outliveFailedWrites(): void {
  let unwritten: NodeJS.ErrnoException | undefined;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") unwritten ??= error;
  });
  process.stderr.on("error", () => undefined);
  // The error of the last write comes only after the command has ended.
  process.once("exit", () => {
    if (unwritten === undefined || (process.exitCode ?? 0) !== 0) return;
    process.exitCode = exitCodes.userError;
    console.error(`${colours.red("error:")} the answer could not be written: ${unwritten.message}`);
  });
}

/** Commands whose names share the first word become subcommands of it. */
function groups(all: readonly CommandDeclaration[]): CommandDeclaration[][] {
  const byFirstWord = new Map<string, CommandDeclaration[]>();
  for (const declaration of all) {
    const [first = ""] = declaration.name.split(" ");
    byFirstWord.set(first, [...(byFirstWord.get(first) ?? []), declaration]);
  }
  return [...byFirstWord.values()];
}

function addGroup(program: Command, group: readonly CommandDeclaration[], context: CommandContext): void {
  const top = group.find(({ name }) => !name.includes(" "));
  const [first = ""] = group[0]?.name.split(" ") ?? [];
  const parent = program.command(first);
  if (top !== undefined) declare(parent, top, context);
  else parent.description(`${first}: see its subcommands`);
  for (const declaration of group) {
    const [, second] = declaration.name.split(" ");
    if (second !== undefined) declare(parent.command(second), declaration, context);
  }
}

function declare(command: Command, declaration: CommandDeclaration, context: CommandContext): void {
  command.description(declaration.summary).addHelpText("after", `\nExample:\n  ${declaration.example}`);
  for (const argument of declaration.arguments ?? []) command.argument(argument.name, argument.description);
  for (const option of declaration.options) command.option(option.flags, option.description, option.default);
  // Whatever works on an environment can work on that of another project.
  const hasProject = declaration.options.includes(stackOption);
  if (hasProject) command.option(directoryOption.flags, directoryOption.description);
  command.action(async () => {
    const { directory } = command.optsWithGlobals<{ directory?: string }>();
    if ((hasProject || declaration.options.includes(directoryOption)) && directory !== undefined)
      process.env.GROUNDWORK_PROJECT = openProject(directory).directory;
    // `groundwork sandbox -s x env` and `groundwork sandbox env -s x` mean the same.
    await declaration.run(command.optsWithGlobals(), context, command.args);
  });
}

function report(error: unknown, interrupted: boolean): number {
  if (isCommanderError(error)) return error.exitCode === 0 ? 0 : exitCodes.usage;
  if (interrupted) {
    console.error("stopped; run the same command again: it goes on from there");
    return exitCodes.interrupted;
  }
  if (error instanceof UserError) {
    console.error(`${colours.red("error:")} ${error.message}`);
    return error instanceof PolicyRefusedError ? exitCodes.policy : exitCodes.userError;
  }
  if (error instanceof Error && "code" in error && error.code === "ENOSPC") {
    return report(explainFailure("write", "", [], error), interrupted);
  }
  console.error(error);
  console.error("this is a bug of groundwork: please report it with the lines above");
  return exitCodes.bug;
}

function isCommanderError(error: unknown): error is { exitCode: number } {
  return (
    error instanceof Error &&
    "exitCode" in error &&
    "code" in error &&
    String(error.code).startsWith("commander.")
  );
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
