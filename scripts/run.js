/**
 * Behind `npm start`, `npm test` and the other scripts of package.json: sets up what is missing, then does the work.
 * Plain Node.js, because it runs before any dependency is there.
 */
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { pending } = require("./remembered.js");
const { checkNode, installDependencies, installTestTools, isOnPath, root } = require("./setup.js");

const verbs = {
  start: (args) => groundwork(["start", ...args]),
  test: async (args) => {
    installTestTools();
    const all = args.join() === "--all";
    if (args.length > 0 && !all) return run("jest", ["--ci", ...args]);
    if (all || process.env.CI) process.env.GROUNDWORK_ALL_SUITES = "true";
    const failures = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "groundwork-tests-")), "failures");
    process.env.GROUNDWORK_FAILURES = failures;
    const checked = check();
    // What a failing test leaves open must not hold the end of the run: the failure is told, and the rest is run.
    const whole = [
      "--ci",
      "--forceExit",
      "--passWithNoTests",
      "--filter=<rootDir>/scripts/remembered-suites.js",
    ];
    const jest = (...args) => runAlongside("jest", [...whole, ...args]);
    const codes = [await jest("--testPathIgnorePatterns", [ownDaemons, underLoad, alone].join("|"))];
    for (const pattern of [ownDaemons, underLoad]) codes.push(await jest("--testPathPatterns", pattern));
    codes.push(await jest("--runInBand", "--testPathPatterns", alone));
    codes.push(await checked);
    // Told again at the end: the tests' own lines have pushed it out of sight.
    if (codes.at(-1) !== 0) console.log("FAILED: the checks above (npm run check)");
    if (fs.existsSync(failures)) {
      for (const line of fs.readFileSync(failures, "utf8").trim().split("\n")) console.log(`FAILED: ${line}`);
    }
    fs.rmSync(path.dirname(failures), { recursive: true });
    process.exitCode = Math.max(...codes);
  },
  check: async () => {
    process.exitCode = await check();
  },
  bench: (args) => {
    require("../bin/build.js").ensureBuilt();
    node("dist/bench.js", args);
  },
  build: () => require("../bin/build.js").ensureBuilt(),
  docs: () => {
    require("../bin/build.js").ensureBuilt();
    node("dist/docs.js", []);
  },
  transcripts: (args) => {
    require("../bin/build.js").ensureBuilt();
    node("dist/transcripts.js", args);
  },
};

/**
 * Tests with Docker daemons of their own that make networks, and so change the machine's firewall: a sandbox's daemon could not make
 * a network in the moment when one of them starts. Like those under load they wait for half of their time, so two go together.
 */
const ownDaemons =
  "test/(remote/(rollout|project-remove)|components/origin/rollout-docker|sandbox/tunnel/host)";

/** Tests that put load on what they test: what computes beside them would take their time. */
const underLoad = "test/sandbox/(host/(faults|proxy|release)|release|tunnel/tunnel)";

/**
 * Tests with nothing beside them: swarms replace a container that is late to tell that it is healthy, and browsers give up what
 * they are loading when a network comes or goes (ERR_NETWORK_CHANGED), as Docker's do in other tests.
 */
const alone = "test/remote/swarm|browser\\.test";

/** All that types and lint are made of: the sources, their settings, and the dependencies by package-lock.json. */
const code = /\.(?:[cm]?[jt]s|json)$/;

/**
 * What needs no running: formatting, lint, types, shell scripts. Two at a time; all are told, then the worst decides. What
 * has passed before with the same content is not done again.
 */
async function check() {
  const steps = [
    {
      name: "formatting",
      command: "prettier",
      args: ["--check", "--log-level=warn", "."],
      reads: /./,
      configuration: /(?:^|\/)(?:\.prettier[^/]*|\.editorconfig|package-lock\.json)$/,
    },
    { name: "types", command: "tsc", args: ["-p", "."], reads: code },
    { name: "lint", command: "eslint", args: ["--max-warnings=0", "."], reads: code },
  ];
  if (isOnPath("shellcheck"))
    steps.push({ name: "shell scripts", command: "sh", args: ["scripts/shellcheck.sh"] });
  else console.log("skipped: shell scripts (shellcheck is not on PATH: apt-get install shellcheck)");
  let failed = 0;
  const work = async () => {
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      const { name, command } = step;
      const started = Date.now();
      const { args, passed } = pending(root, step);
      const { code, output } = args === undefined ? { code: 0, output: "" } : await capture(command, args);
      const how = args === undefined ? "the same content has passed before" : seconds(Date.now() - started);
      console.log(`${code === 0 ? "ok" : "FAILED"}: ${name} (${how})`);
      if (code === 0) passed();
      else {
        failed += 1;
        console.log(output);
      }
    }
  };
  await Promise.all([work(), work()]);
  return failed > 0 ? 1 : 0;
}

const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

function capture(command, args) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { cwd: root, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("close", (code) => resolve({ code, output }));
  });
}

function environment() {
  const binaries = path.join(root, "node_modules", ".bin");
  return { ...process.env, PATH: `${binaries}${path.delimiter}${process.env.PATH}` };
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, env: environment(), stdio: "inherit" });
  process.exitCode = status ?? 1;
}

function runAlongside(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: environment(), stdio: "inherit" });
    child.once("close", (code) => resolve(code ?? 1));
  });
}

function node(script, args) {
  run(process.execPath, [path.join(root, script), ...args]);
}

/** Runs the command in this same process: its own signal handling then is the only one. */
function groundwork(args) {
  process.argv = [process.execPath, path.join(root, "bin", "groundwork.js"), ...args];
  require("../bin/groundwork.js");
}

async function main([verb, ...args]) {
  checkNode();
  if (!Object.hasOwn(verbs, verb))
    throw new Error(`unknown: ${verb}; one of ${Object.keys(verbs).join(", ")}`);
  installDependencies();
  await verbs[verb](args);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
