/**
 * Puts in place what a fresh machine lacks, with nothing but Node.js: the dependencies by `npm ci`, and, where
 * continuous integration runs as root on Debian, the system packages that tests use. Quick when nothing is missing.
 */
const { execFileSync, spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");
const oldestNode = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  fail(
    `Node.js ${process.versions.node} is too old`,
    `Node.js ${oldestNode.join(".")} or newer`,
    "install it from https://nodejs.org and run the same command again",
  );
}

function fail(what, allowed, next) {
  console.error(`error: ${what}\n  allowed: ${allowed}\n  next: ${next}`);
  process.exit(1);
}

/** Installs the pinned dependencies when they are not the ones of package-lock.json. As a dependency itself it has none. */
function installDependencies() {
  if (!fs.existsSync(path.join(root, "package-lock.json"))) return;
  const lockFile = fs.readFileSync(path.join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lockFile).digest("hex");
  const stamp = path.join(root, "node_modules", ".groundwork-installed");
  const current = () => fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === wanted;
  if (current()) return;
  const unlock = lockFolder(path.join(root, ".groundwork", "install.lock"), "install the dependencies");
  let succeeded = false;
  try {
    succeeded = current() || runNpm();
    if (succeeded) fs.writeFileSync(stamp, wanted);
  } finally {
    unlock();
  }
  if (succeeded) return;
  fail(
    "`npm ci` did not succeed: see its own words above",
    "a network that reaches the npm registry, or a filled npm cache",
    "run the same command again",
  );
}

function runNpm() {
  console.error("installing the dependencies that package-lock.json pins (npm ci; once, about a minute) …");
  const started = Date.now();
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    // Standard output belongs to the answer of a command.
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) return false;
  console.error(`installed the dependencies in ${Math.round((Date.now() - started) / 1000)} s`);
  return true;
}

/** A lock made of a file that names its holder's process; one whose holder is gone is taken over. */
function lockFolder(file, doing) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (let said = false; ; said = true) {
    try {
      fs.writeFileSync(file, `${process.pid} ${startOf(process.pid) ?? ""}`, { flag: "wx" });
      return () => fs.rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const [holder, started] = readOr(file, "0").split(" ");
    if (!isAlive(Number(holder), started)) fs.rmSync(file, { force: true });
    else if (!said) console.error(`process ${holder} is about to ${doing} in this checkout; waiting for it`);
    spawnSync(process.execPath, ["-e", "setTimeout(() => {}, 300)"]);
  }
}

function readOr(file, otherwise) {
  try {
    return fs.readFileSync(file, "utf8") || otherwise;
  } catch {
    return otherwise;
  }
}

/** A later process may have got the number of one that is gone, this one too; where no start was written, the number has to do. */
function isAlive(pid, started) {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  if (process.platform !== "linux") return true;
  const start = startOf(pid);
  return start !== undefined && (!started || started === start);
}

/** Boot and time of start of a process, as common/processes.ts has them; undefined where it is gone, or where nobody tells. */
function startOf(pid) {
  const stat = readOr(`/proc/${pid}/stat`, "");
  // The name in parentheses may hold anything.
  const [state, ...further] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (stat === "" || state === "Z" || state === "X") return undefined;
  return `${readOr("/proc/sys/kernel/random/boot_id", "").trim()}:${further[18]}`;
}

/** Programs that some tests drive: where continuous integration runs, a missing one is installed, never passed over. */
const testTools = [
  { program: "shellcheck", debian: "shellcheck", why: "checks the scripts of remote/" },
  { program: "chromium", debian: "chromium", why: "drives the pages in a real browser" },
  { program: "ssh", debian: "openssh-client", why: "is the SSH client that nobody here wrote" },
  { program: "/usr/sbin/sshd", debian: "openssh-server", why: "is the SSH server that nobody here wrote" },
  { program: "psql", debian: "postgresql-client", why: "is PostgreSQL's own client" },
  {
    program: "/usr/lib/postgresql/15/bin/pg_dump",
    debian: "postgresql-15",
    why: "is a PostgreSQL with pg_dump",
  },
  { program: "dockerd", debian: "docker.io", why: "runs the sandbox's containers" },
  { program: "openssl", debian: "openssl", why: "makes the origin's key on a host" },
  { program: "curl", debian: "curl", why: "asks the edge as a visitor would" },
  {
    program: "python3",
    works: "python3 -c 'import ensurepip'",
    debian: "python3-venv",
    why: "runs the emulator of AWS",
  },
  { program: "zsh", debian: "zsh", why: "completes commands" },
  { program: "fish", debian: "fish", why: "completes commands" },
];

function installTestTools() {
  const missing = testTools.filter(
    ({ program, works }) => !(works === undefined ? isOnPath(program) : succeeds(works)),
  );
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  const mayInstall = process.env.CI === "true" && process.getuid?.() === 0 && isOnPath("apt-get");
  if (!mayInstall) {
    for (const { program, why } of missing) console.log(`not here: ${program}, which ${why}`);
    console.log(`  the tests that need them say so; to run those too: apt-get install ${packages.join(" ")}`);
    return;
  }
  console.log(`installing what the tests drive: ${packages.join(", ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) =>
    execFileSync("apt-get", ["-qq", ...args], { env: environment, stdio: ["ignore", "ignore", "inherit"] });
  apt("update");
  apt("install", "-y", "--no-install-recommends", ...packages);
}

function isOnPath(program) {
  return succeeds(`command -v ${program}`);
}

function succeeds(command) {
  return spawnSync("/bin/sh", ["-c", command], { stdio: "ignore" }).status === 0;
}

module.exports = { checkNode, installDependencies, installTestTools, isOnPath, root, testTools };
