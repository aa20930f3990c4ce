import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { stringify } from "yaml";
import { Environment } from "../automation/environment";
import { projectRoot } from "../common/project-root";
import { type ReadySandbox, bringUpSandbox } from "../sandbox/bring-up";
import { removeSandbox } from "../sandbox/sandbox";
import { type Program, makeBareProgram, typeChecked, typeCheckedOwn } from "./bare";
import { type Measurement, type Subject, measureInTurn, median } from "./measure";
import { commented, largeComment } from "./preview-comment";
import { manyAtOnce } from "./preview-many";

const say = (line: string): void => console.error(line);

/**
 * A preview with nothing to change: the staging stack through our command and through plain `pulumi`, beside a bare
 * compiled program of the very same resources, and beside ts-node's type-checked default; to the posted comment; a comment of
 * 2,000 changes; many environments at once; how long the command takes to start; then how time grows.
 *
 * Options: `--rounds=N` (5), `--brief` (nothing that is type-checked), `--sizes=60,200,600`, `--no-growth`, `--many=1,10,50`, `--no-many`.
 */
export async function preview(options: readonly string[]): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "groundwork-bench-"));
  process.env.GROUNDWORK_HOME = home;
  const rounds = Number(optionOf(options, "rounds") ?? 5);
  try {
    largeComment(rounds);
    await starts(rounds);
    await sideBySide(home, rounds, options.includes("--brief"));
    if (!options.includes("--no-many")) {
      await many(home, (optionOf(options, "many") ?? "1,10,50").split(",").map(Number));
    }
    if (!options.includes("--no-growth")) {
      const sizes = (optionOf(options, "sizes") ?? "60,200,600").split(",").map(Number);
      await growth(home, sizes, Math.min(rounds, 3));
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function sideBySide(home: string, rounds: number, brief: boolean): Promise<void> {
  const stack = "staging";
  const ready = await bringUpAll(stack);
  const [command, plain] = ours(ready, stack);
  const comment = await commented(command, join(home, "comment"), stack);
  try {
    const bare = makeBareProgram(join(home, "bare"), stack, ready.variables);
    const measured = await measureInTurn(
      [
        command,
        comment.subject,
        plain,
        ...bareSubjects(bare, stack),
        ...(brief ? [] : typeCheckedSubjects(bare, stack, join(home, "own-typescript"), ready.variables)),
      ],
      rounds,
    );
    console.log(`\nno-change preview of ${stack}: ${bare.resources} resources besides components`);
    printBeside(measured, "bare program, plain pulumi", "ours, plain pulumi");
    comment.check();
  } finally {
    await comment.end();
    await removeSandbox(stack);
  }
}

/** How long it takes until the command itself begins, beside what it is made of. */
async function starts(rounds: number): Promise<void> {
  const cwd = projectRoot();
  const groundwork = join(cwd, "bin", "groundwork.js");
  const subject = (name: string, ...command: [string, ...string[]]): Subject => ({
    ...{ name, command, cwd },
    variables: {},
  });
  const base = "Node.js alone";
  const measured = await measureInTurn(
    [
      subject(base, process.execPath, "-e", ""),
      subject("groundwork --help", process.execPath, groundwork, "--help"),
      subject("groundwork preview --help", process.execPath, groundwork, "preview", "--help"),
    ],
    Math.max(rounds, 5),
  );
  console.log("\nstart of the command");
  printBeside(measured, base);
}

/** Previews of many environments in one process. */
async function many(home: string, counts: readonly number[]): Promise<void> {
  const stack = "many";
  const stackFile = join(home, `Pulumi.${stack}.yaml`);
  writeFileSync(stackFile, stackOfSize(20));
  const ready = await bringUpAll(stack, stackFile);
  try {
    await manyAtOnce(ready, home, counts);
  } finally {
    await removeSandbox(stack);
  }
}

async function growth(home: string, sizes: readonly number[], rounds: number): Promise<void> {
  const table = new Table({
    head: ["resources", "ours, by command", "ours, plain pulumi", "bare", "ours / bare"],
  });
  for (const size of sizes) {
    const stack = `size-${size}`;
    const stackFile = join(home, `Pulumi.${stack}.yaml`);
    writeFileSync(stackFile, stackOfSize(size));
    const ready = await bringUpAll(stack, stackFile);
    try {
      const bare = makeBareProgram(join(home, `bare-${size}`), stack, ready.variables);
      const measured = await measureInTurn([...ours(ready, stack), ...bareSubjects(bare, stack)], rounds);
      const [command = Number.NaN, plain = Number.NaN, own = Number.NaN] = measured.map((one) =>
        median(one.seconds),
      );
      table.push([bare.resources, seconds(command), seconds(plain), seconds(own), (plain / own).toFixed(2)]);
    } finally {
      await removeSandbox(stack);
    }
  }
  console.log("\nhow a no-change preview grows (medians)");
  console.log(table.toString());
}

async function bringUpAll(stack: string, stackFile?: string): Promise<ReadySandbox> {
  say(`bringing ${stack} up in a sandbox of its own`);
  const ready = await bringUpSandbox({
    stack,
    docker: "never",
    ...(stackFile === undefined ? {} : { stackFile }),
    log: say,
  });
  const { engine, configFile, variables } = ready;
  const environment = await Environment.open(stack, { engine, configFile, variables });
  const { changes } = await environment.up();
  say(`${stack}: ${JSON.stringify(changes)}`);
  return ready;
}

function ours(ready: ReadySandbox, stack: string): [command: Subject, plain: Subject] {
  const cwd = projectRoot();
  const variables = asByHand(ready.variables);
  return [
    {
      name: "ours, by command",
      command: [process.execPath, join(cwd, "bin", "groundwork.js"), "preview", "-s", stack],
      cwd,
      variables,
    },
    {
      name: "ours, plain pulumi",
      command: plainPreview(stack),
      cwd,
      variables,
    },
  ];
}

/** By plain `pulumi`, as it comes, and once more told not to look for plugins on the network. */
function bareSubjects(bare: Program, stack: string): Subject[] {
  const subject = { command: plainPreview(stack), cwd: bare.folder };
  return [
    { ...subject, name: "bare program, plain pulumi", variables: asByHand(bare.variables) },
    { ...subject, name: "the same, told not to look for plugins", variables: bare.variables },
  ];
}

function typeCheckedSubjects(
  bare: Program,
  stack: string,
  folder: string,
  variables: Readonly<Record<string, string>>,
): Subject[] {
  return [
    typeCheckedSubject("the bare program through ts-node, types checked", typeChecked(bare, stack), stack),
    typeCheckedSubject(
      "our own program through ts-node, types checked",
      typeCheckedOwn(folder, variables),
      stack,
    ),
  ];
}

function typeCheckedSubject(name: string, { folder, variables }: Program, stack: string): Subject {
  return {
    name,
    command: plainPreview(stack),
    cwd: folder,
    // Without its cache: what it does whenever the program has changed, which is when a preview is wanted.
    variables: { ...asByHand(variables), TS_NODE_CACHE: "false" },
  };
}

/** Fails when there is something to change: then it would not be what is to be measured. */
function plainPreview(stack: string): [string, ...string[]] {
  return ["pulumi", "preview", "-s", stack, "--non-interactive", "--expect-no-changes"];
}

/** A person who types `pulumi preview` has not told the engine that all plugins are there; our command finds out itself. */
function asByHand(variables: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...variables, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: undefined };
}

/** @param against the subjects that each one's median is divided by */
function printBeside(measured: readonly Measurement[], ...against: string[]): void {
  const bases = against.map((name) => median(measured.find((one) => one.name === name)?.seconds ?? []));
  const beside = against.map((name) => `beside ${name}`);
  const table = new Table({ head: ["", "median", "min to max", ...beside, "peak memory"] });
  for (const { name, seconds: runs, peakMemory } of measured) {
    table.push([
      name,
      seconds(median(runs)),
      `${seconds(Math.min(...runs))} to ${seconds(Math.max(...runs))}`,
      ...bases.map((base) => (median(runs) / base).toFixed(2)),
      `${peakMemory} MiB`,
    ]);
  }
  console.log(table.toString());
}

/** A stack of about so many resources: buckets, each with a lifecycle and CORS. */
function stackOfSize(resources: number): string {
  const perBucket = 4;
  const buckets = Object.fromEntries(
    Array.from({ length: Math.max(1, Math.round((resources - 2) / perBucket)) }, (_unused, index) => [
      `b${index}`,
      {
        name: `bench-${resources}-${index}`,
        cors: [{ origins: ["https://example.com"] }],
        lifecycle: [{ deleteAfterDays: 30 }],
      },
    ]),
  );
  return stringify({
    config: {
      "groundwork:domain": "example.com",
      "groundwork:cloudflare": {
        accountId: "000000000000000000000000000000a1",
        zoneId: "000000000000000000000000000000b1",
      },
      "groundwork:buckets": buckets,
    },
  });
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

function optionOf(options: readonly string[], name: string): string | undefined {
  return options.find((option) => option.startsWith(`--${name}=`))?.split("=")[1];
}
