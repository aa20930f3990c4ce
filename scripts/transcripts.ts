/**
 * `npm run transcripts`: records in docs/transcripts what the commands print on a clean clone, and draws
 * docs/npm-start.png of it. `npm run transcripts -- NAME -- COMMAND` records one command in this checkout, `npm run
 * transcripts -- NAME` what the test of that transcript shows, or all tests (npm-test).
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectRoot } from "../common/project-root";
import { drawTerminal } from "./terminal-picture";
import { type Span, plainText, terminalLines } from "./terminal-text";

const root = projectRoot();
const folder = join(root, "docs", "transcripts");

/** What is recorded on a clean clone, in this order. */
const session: readonly Step[] = [
  { name: "npm-start", command: "npm start" },
  { name: "npm-start-again", command: "npm start" },
  { name: "db-attack", command: "npx groundwork db attack -s dev" },
  { name: "db-rotate", command: "npx groundwork db rotate -s dev" },
  { name: "db-backup", command: "npx groundwork db backup -s dev" },
  { name: "db-drill", command: "npx groundwork db drill -s dev" },
  { name: "doctor", command: "npx groundwork doctor -s dev" },
  { name: "db-rehearse", command: "npx groundwork db rehearse -s dev" },
  { name: "db-restore", command: "npx groundwork db restore -s dev --yes" },
  { name: "db-backups", command: "npx groundwork db backups -s dev --check" },
  { name: "npm-start-destroy", command: "npm start -- --destroy" },
  { name: "sandbox-staging", command: "npx groundwork sandbox -s staging" },
  {
    name: "pulumi-preview-staging",
    command: 'eval "$(npx groundwork sandbox env -s staging)" && pulumi preview -s staging',
    terminal: false,
  },
  { name: "sandbox-destroy-staging", command: "npx groundwork sandbox destroy -s staging" },
];

/** What needs a zone made by hand, a browser or an SDK beside the commands is shown by the test that looks at it. */
const shownByTests: readonly Step[] = [
  { name: "adopt", command: "npx jest test/automation/adopt/adopt.engine" },
  { name: "releases", command: "npx jest test/sandbox/release.engine -t 'by docker'" },
  { name: "edge-plyr", command: "npx jest -i test/examples/systems test/examples/plyr -t 'plyr.fm staging'" },
  { name: "edge-pika", command: "npx jest test/examples/systems -t 'Pika! staging'" },
];

/** Too long to be recorded with the others. */
const allTests: Step = { name: "npm-test", command: "npm test -- --all", terminal: false };

interface Step {
  readonly name: string;
  readonly command: string;
  /** In a terminal, with colours; else through a pipe: for what draws over its own lines. @default true */
  readonly terminal?: boolean;
}

interface Recorded {
  readonly lines: readonly (readonly Span[])[];
  readonly code: number;
}

/** Runs a command in a terminal of its own, as a user's shell would, and writes what it printed. */
async function record({ name, command, terminal = true }: Step, directory: string): Promise<Recorded> {
  console.log(`$ ${command}`);
  const started = performance.now();
  const { output, code } = await run(command, directory, terminal);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const lines = terminalLines(withoutMachine(output, directory));
  mkdirSync(folder, { recursive: true });
  const text = `$ ${command}\n${plainText(lines)}\n\n(exit code ${code}, ${seconds} s)\n`;
  writeFileSync(join(folder, `${name}.txt`), text);
  console.log(`  docs/transcripts/${name}.txt: exit code ${code}, ${seconds} s`);
  return { lines, code };
}

/** Runs a test, and writes what it keeps for the transcript (test/support/transcript.ts). */
async function recordTest({ name, command }: Step, directory: string): Promise<number> {
  console.log(`$ ${command}`);
  const kept = join(mkdtempSync(join(tmpdir(), "gw-transcript-")), name);
  try {
    const { output, code } = await run(command, directory, false, { GROUNDWORK_TRANSCRIPT: kept });
    if (code !== 0 || !existsSync(kept)) {
      console.error(output);
      return code === 0 ? 1 : code;
    }
    const shown = withoutMachine(readFileSync(kept, "utf8"), directory).trimEnd();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.txt`), `(what ${command} shows)\n\n${shown}\n`);
    console.log(`  docs/transcripts/${name}.txt`);
    return 0;
  } finally {
    rmSync(dirname(kept), { recursive: true, force: true });
  }
}

function run(
  command: string,
  directory: string,
  terminal: boolean,
  further: Readonly<Record<string, string>> = {},
): Promise<{ output: string; code: number }> {
  // Of this session's own variables none is to be seen by the command: it is a user's first.
  const { GROUNDWORK_HOME: _home, NO_COLOR: _colour, ...inherited } = process.env;
  const environment = Object.fromEntries(
    Object.entries(inherited).filter(([name]) => !/^(npm_|PULUMI_)/i.test(name) || isNpmSetting(name)),
  );
  const inShell = terminal
    ? ["script", "-qfec", `stty cols 120 rows 40; ${command}`, "/dev/null"]
    : ["sh", "-c", `{ ${command}; } 2>&1`];
  const child = spawn(inShell[0] ?? "", inShell.slice(1), {
    cwd: directory,
    env: {
      ...environment,
      TERM: "xterm-256color",
      npm_config_loglevel: "error",
      npm_config_progress: "false",
      npm_config_update_notifier: "false",
      ...further,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ output, code: code ?? 1 }));
  });
}

/** Where packages come from is the user's own setting. */
function isNpmSetting(name: string): boolean {
  return /^npm_config_(registry|cache|userconfig|globalconfig)$/i.test(name);
}

/** The checkout stands at ~/groundwork; names of this machine are nobody's business. */
function withoutMachine(output: string, directory: string): string {
  return output
    .replaceAll(directory, "~/groundwork")
    .replaceAll(homedir(), "~")
    .replaceAll(hostname(), "this-machine");
}

/** The picture's part of a long output: lists are shown by their beginning and end, said where something is left out. */
function shortened(lines: readonly (readonly Span[])[]): (readonly Span[])[] {
  const kept: (readonly Span[])[] = [];
  const listed = /^ +(?:\d+\/\d+ )?[+~±<=-] /;
  let list: (readonly Span[])[] = [];
  const flush = (): void => {
    const left = list.length - 6;
    if (left <= 1) kept.push(...list);
    else {
      const more = { text: `    … ${left} more`, bold: false, dim: true, colour: undefined };
      kept.push(...list.slice(0, 4), [more], ...list.slice(-2));
    }
    list = [];
  };
  for (const line of lines) {
    if (listed.test(plainText([line]))) list.push(line);
    else {
      flush();
      kept.push(line);
    }
  }
  flush();
  return kept;
}

async function recordAll(): Promise<number> {
  const temporary = mkdtempSync(join(tmpdir(), "gw-"));
  const clone = join(temporary, "groundwork");
  try {
    // Short and open to pass through, as a home is: PostgreSQL needs both.
    chmodSync(temporary, 0o755);
    const { status } = spawnSync("git", ["clone", "--quiet", root, clone], { stdio: "inherit" });
    if (status !== 0) return 1;
    let worst = 0;
    for (const step of session) {
      const { lines, code } = await record(step, clone);
      worst = Math.max(worst, code);
      if (step.name !== "npm-start") continue;
      const prompt: Span[] = [
        { text: "~/groundwork $ ", bold: false, dim: true, colour: undefined },
        { text: step.command, bold: true, dim: false, colour: undefined },
      ];
      await drawTerminal([prompt, ...shortened(lines)], {
        file: join(root, "docs", "npm-start.png"),
        title: "groundwork",
      });
    }
    for (const step of shownByTests) worst = Math.max(worst, await recordTest(step, clone));
    return worst;
  } finally {
    for (const stack of ["dev", "staging"]) {
      const command = ["bin/groundwork.js", "sandbox", "destroy", "-s", stack];
      spawnSync(process.execPath, command, { cwd: clone, env: withoutHome(), stdio: "ignore" });
    }
    rmSync(temporary, { recursive: true, force: true });
  }
}

function withoutHome(): NodeJS.ProcessEnv {
  const { GROUNDWORK_HOME: _home, ...environment } = process.env;
  return environment;
}

async function main([name, separator, ...command]: readonly string[]): Promise<number> {
  if (name === undefined) return recordAll();
  const shown = shownByTests.find((step) => step.name === name);
  if (shown !== undefined && separator === undefined) return recordTest(shown, root);
  if (name === allTests.name && separator === undefined) return (await record(allTests, root)).code;
  if (!/^[a-z0-9-]+$/.test(name) || separator !== "--" || command.length === 0) {
    console.error(
      "usage: npm run transcripts [-- NAME -- COMMAND]; NAME of lower-case letters, digits and hyphens; without COMMAND one of " +
        [...shownByTests, allTests].map((step) => step.name).join(", "),
    );
    return 2;
  }
  return (await record({ name, command: command.join(" ") }, root)).code;
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
