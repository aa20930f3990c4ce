// test/support/rollout-host.ts
var import_node_child_process4 = require("node:child_process");
var import_node_fs9 = require("node:fs");
var import_node_net = require("node:net");
var import_node_os5 = require("node:os");
var import_node_path11 = require("node:path");

// remote/framing.ts
var namePattern = /^[a-z][a-z0-9_]*$/;
function encodeFrames(frames) {
  const lines = Object.entries(frames).map(([name, value]) => {
    if (!namePattern.test(name)) throw new Error(`bad frame name: ${name}`);
    return `${name} ${Buffer.from(String(value), "utf8").toString("base64")}`;
  });
  return [...lines, ".", ""].join("\n");
}
function listFrames(count, item, entries) {
  const frames = { [count]: entries.length };
  entries.forEach((entry, index) => {
    for (const [name, value] of Object.entries(entry)) frames[`${item}_${index + 1}_${name}`] = value;
  });
  return frames;
}

// remote/scripts.ts
var import_node_fs2 = require("node:fs");
var import_node_path2 = require("node:path");

// common/project-root.ts
var import_node_fs = require("node:fs");
var import_node_path = require("node:path");
var found;
function projectRoot() {
  if (found !== void 0) return found;
  let folder = __dirname;
  while (!(0, import_node_fs.existsSync)((0, import_node_path.join)(folder, "bin", "entries.json"))) {
    const parent = (0, import_node_path.dirname)(folder);
    if (parent === folder) throw new Error(`no project root above ${__dirname}`);
    folder = parent;
  }
  found = folder;
  return folder;
}

// remote/scripts.ts
var cached = /* @__PURE__ */ new Map();
function stepScript(step) {
  const known = cached.get(step);
  if (known !== void 0) return known;
  const read = (name) => (0, import_node_fs2.readFileSync)((0, import_node_path2.join)(projectRoot(), "remote", `${name}.sh`), "utf8").replace(
    /^\. \.\/([a-z-]+)\.sh$/gm,
    (_, included) => read(included)
  );
  const script = withoutComments(read(step));
  cached.set(step, script);
  return script;
}
function withoutComments(script) {
  return script.split("\n").filter((line) => line !== "" && !/^\s*#/.test(line)).join("\n").concat("\n");
}
function stepCommand(step) {
  return `exec sh -c 'IFS= read -r s && s=$(printf %s "$s" | base64 -d) && [ -n "$s" ] && exec sh -c "$s"; echo "groundwork: the step did not arrive whole" >&2; exit 10' groundwork-${step}`;
}
function stepInput(step, frames) {
  return `${Buffer.from(stepScript(step), "utf8").toString("base64")}
${frames}`;
}

// common/log.ts
var silent = () => void 0;

// sandbox/engine/go-build.ts
var import_node_child_process = require("node:child_process");
var import_promises2 = require("node:fs/promises");
var import_node_crypto = require("node:crypto");
var import_node_path4 = require("node:path");
var import_node_readline = require("node:readline");

// common/cache.ts
var import_promises = require("node:fs/promises");
var import_node_os = require("node:os");
var import_node_path3 = require("node:path");
var import_proper_lockfile = require("proper-lockfile");
function cacheDirectory(environment = process.env) {
  if (environment.GROUNDWORK_CACHE) return environment.GROUNDWORK_CACHE;
  return (0, import_node_path3.join)(environment.XDG_CACHE_HOME ?? (0, import_node_path3.join)((0, import_node_os.homedir)(), ".cache"), "groundwork");
}
var lockTiming = { update: 5e3, stale: 3e4 };
async function exclusively(folder, work, { log = silent, doing = "work here" } = {}) {
  await (0, import_promises.mkdir)(folder, { recursive: true });
  let said = false;
  for (; ; ) {
    let release;
    try {
      release = await (0, import_proper_lockfile.lock)(folder, lockTiming);
    } catch (error) {
      if (error.code !== "ELOCKED") throw error;
      if (!said) log(`another process is about to ${doing}; waiting for it`);
      said = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    try {
      return await work();
    } finally {
      await release();
    }
  }
}

// common/user-error.ts
var UserError = class extends Error {
  name = "UserError";
  parts;
  constructor(parts) {
    super(formatParts(parts), parts.cause === void 0 ? void 0 : { cause: parts.cause });
    this.parts = parts;
  }
};
function formatParts({ what, value, allowed, next }) {
  const lines = [value === void 0 ? what : `${what}: ${value}`];
  if (allowed !== void 0) lines.push(`  allowed: ${allowed}`);
  if (next !== void 0) lines.push(`  next: ${next}`);
  return lines.join("\n");
}

// sandbox/engine/go-build.ts
var oldestGo = "1.21";
async function buildGoTool(tool, log = silent) {
  const source = (0, import_node_path4.join)(projectRoot(), "sandbox", "engine", "go", tool.module);
  const folder = (0, import_node_path4.join)(cacheDirectory(), "go", `${tool.module}-${await moduleHash(source)}`);
  const binary = (0, import_node_path4.join)(folder, tool.output);
  if (await exists(binary)) return binary;
  return exclusively(
    folder,
    async () => {
      if (await exists(binary)) return binary;
      log(`building ${tool.output} from its Go module (a few minutes, once on this machine)`);
      await compile(tool, source, binary, log);
      return binary;
    },
    { log, doing: `build ${tool.output}` }
  );
}
async function moduleHash(source) {
  const hash = (0, import_node_crypto.createHash)("sha256");
  for (const name of ["go.mod", "go.sum"]) hash.update(await (0, import_promises2.readFile)((0, import_node_path4.join)(source, name)));
  return hash.digest("hex").slice(0, 16);
}
async function compile(tool, source, binary, log) {
  const started = Date.now();
  const partial = `${binary}.partial-${process.pid}`;
  await (0, import_promises2.mkdir)((0, import_node_path4.dirname)(binary), { recursive: true });
  log(`  ${tool.output}: fetching its modules`);
  await run("go", ["mod", "download"], source, () => void 0);
  let compiled = 0;
  let lastSaid = Date.now();
  const flags = ["-s", "-w", tool.ldflags].filter((flag) => flag !== void 0).join(" ");
  try {
    await run(
      "go",
      ["build", "-v", "-trimpath", "-ldflags", flags, "-o", partial, tool.package],
      source,
      () => {
        compiled += 1;
        if (Date.now() - lastSaid < 1e4) return;
        lastSaid = Date.now();
        log(`  ${tool.output}: ${compiled} packages compiled, ${seconds(started)} s`);
      }
    );
    await (0, import_promises2.rename)(partial, binary);
  } finally {
    await (0, import_promises2.rm)(partial, { force: true });
  }
  log(`built ${tool.output} in ${seconds(started)} s`);
}
function seconds(started) {
  return Math.round((Date.now() - started) / 1e3);
}
function run(command, args, cwd, onErrorLine) {
  return new Promise((resolve, reject) => {
    const child = (0, import_node_child_process.spawn)(command, args, {
      cwd,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" },
      stdio: ["ignore", "ignore", "pipe"]
    });
    const lastLines = [];
    (0, import_node_readline.createInterface)({ input: child.stderr }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > 12) lastLines.shift();
      onErrorLine(line);
    });
    child.once("error", (cause) => reject(buildFailed(command, args, cause.message, cause)));
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(buildFailed(command, args, lastLines.join("\n"), void 0));
    });
  });
}
function buildFailed(command, args, detail, cause) {
  return new UserError({
    what: `\`${command} ${args[0] ?? ""}\` failed`,
    value: detail.trim(),
    allowed: `Go ${oldestGo} or newer with its module proxy in reach`,
    next: "run the same command again: what was fetched and compiled is kept",
    cause
  });
}
async function exists(path) {
  return (0, import_promises2.access)(path).then(
    () => true,
    () => false
  );
}

// sandbox/engine/caddy.ts
var caddyVersion = "2.11.2";
var caddyTool = {
  module: "caddy",
  package: "github.com/caddyserver/caddy/v2/cmd/caddy",
  output: "caddy",
  ldflags: `-X github.com/caddyserver/caddy/v2.CustomVersion=v${caddyVersion}`
};
function buildCaddy(log = silent) {
  return buildGoTool(caddyTool, log);
}

// sandbox/host/docker/compose-plugin.ts
var import_node_fs3 = require("node:fs");
var import_node_os2 = require("node:os");
var import_node_path5 = require("node:path");

// sandbox/host/run-program.ts
var import_node_child_process2 = require("node:child_process");
function runProgram(program, args, { environment = process.env, cwd, input, timeout } = {}) {
  return new Promise((resolve) => {
    const child = (0, import_node_child_process2.spawn)(program, args, {
      env: environment,
      ...cwd !== void 0 && { cwd },
      stdio: [input === void 0 ? "ignore" : "pipe", "pipe", "pipe"]
    });
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    child.stdout?.setEncoding("utf8").on("data", (text) => stdout += text);
    child.stderr?.setEncoding("utf8").on("data", (text) => stderr += text);
    const timer = timeout === void 0 ? void 0 : setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeout);
    const end = (code) => {
      clearTimeout(timer);
      resolve({ code: timedOut ? 124 : code, stdout, stderr });
    };
    child.once("error", (error) => {
      stderr += error.message;
      end(error.code === "ENOENT" ? 127 : 126);
    });
    child.once("close", (code, signal) => end(code ?? (signal === null ? 1 : 137)));
    if (child.stdin !== null) {
      child.stdin.on("error", () => void 0);
      if (typeof input === "string") child.stdin.end(input);
      else input?.pipe(child.stdin);
    }
  });
}

// sandbox/host/docker/compose-plugin.ts
var oldest = [2, 24, 4];
var folders = [
  (0, import_node_path5.join)(process.env["DOCKER_CONFIG"] ?? (0, import_node_path5.join)((0, import_node_os2.homedir)(), ".docker"), "cli-plugins"),
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
  "/Applications/Docker.app/Contents/Resources/cli-plugins"
];
async function findComposePlugin(log) {
  for (const folder of folders) {
    const file = (0, import_node_path5.join)(folder, "docker-compose");
    if (!(0, import_node_fs3.existsSync)(file)) continue;
    const { code, stdout } = await runProgram(file, ["version", "--short"], { timeout: 1e4 });
    if (code === 0 && isRecent(stdout.trim())) return file;
    log(
      `the machine's docker compose is ${stdout.trim()}; ${oldest.join(".")} or newer is needed, so another one is used`
    );
  }
  return buildGoTool(
    {
      module: "compose",
      package: "github.com/docker/compose/v2/cmd",
      output: "docker-compose",
      ldflags: "-X github.com/docker/compose/v2/internal.Version=v2.40.3"
    },
    log
  );
}
function isRecent(version) {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (numbers === void 0) return false;
  for (const [index, wanted] of oldest.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== wanted) return number > wanted;
  }
  return true;
}

// sandbox/host/images/busybox.ts
var import_node_fs6 = require("node:fs");
var import_node_os3 = require("node:os");
var import_node_path8 = require("node:path");

// sandbox/host/postgres/real-program.ts
var import_node_fs4 = require("node:fs");
var import_node_path6 = require("node:path");
function findRealProgram(name, path = process.env["PATH"] ?? "") {
  const candidates = [
    ...path.split(import_node_path6.delimiter).map((folder) => (0, import_node_path6.join)(folder, name)),
    ...debianVersions().map((version) => `/usr/lib/postgresql/${version}/bin/${name}`)
  ];
  return candidates.find(isProgram);
}
function debianVersions() {
  try {
    return (0, import_node_fs4.readdirSync)("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}
function isProgram(file) {
  try {
    (0, import_node_fs4.accessSync)(file, import_node_fs4.constants.X_OK);
    const handle = (0, import_node_fs4.openSync)(file, "r");
    const head = Buffer.alloc(2);
    (0, import_node_fs4.readSync)(handle, head, 0, 2, 0);
    (0, import_node_fs4.closeSync)(handle);
    return head.toString("latin1") !== "#!";
  } catch {
    return false;
  }
}

// sandbox/host/images/libraries.ts
var import_node_fs5 = require("node:fs");
var import_node_path7 = require("node:path");
var resolverLibraries = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];
async function linkedLibraries(programs, within) {
  const found2 = /* @__PURE__ */ new Set();
  for (const program of programs) {
    const { stdout } = await runProgram("ldd", [program]);
    for (const match of stdout.matchAll(/(?:=>\s*)?(\/\S+)\s+\(0x[0-9a-f]+\)/g)) {
      const path = match[1];
      if (path !== void 0 && (within === void 0 || !path.startsWith(within))) found2.add(path);
    }
  }
  const libc = [...found2].find((path) => (0, import_node_path7.basename)(path).startsWith("libc.so"));
  if (libc !== void 0) {
    for (const name of resolverLibraries) {
      const path = (0, import_node_path7.join)((0, import_node_path7.dirname)(libc), name);
      if ((0, import_node_fs5.existsSync)(path)) found2.add(path);
    }
  }
  return [...found2].sort();
}
async function isStatic(program) {
  const { stdout, stderr, code } = await runProgram("ldd", [program]);
  return code !== 0 && /not a dynamic executable/.test(stdout + stderr);
}

// sandbox/host/images/busybox.ts
var plainPrograms = "sh env cat ls cp mv rm mkdir chmod chown sleep dirname basename head tail wc sort grep sed awk tr cut test true false printf echo date id uname hostname sync timeout mktemp touch".split(" ");
async function findBusybox() {
  const own = findRealProgram("busybox");
  if (own !== void 0 && await isStatic(own)) return own;
  const cached2 = (0, import_node_path8.join)(cacheDirectory(), `busybox-${process.arch}`, "busybox");
  if ((0, import_node_fs6.existsSync)(cached2)) return cached2;
  if (findRealProgram("apt-get") === void 0 || findRealProgram("dpkg-deb") === void 0) return void 0;
  const folder = (0, import_node_fs6.mkdtempSync)((0, import_node_path8.join)((0, import_node_os3.tmpdir)(), "busybox-"));
  try {
    let { code } = await runProgram("apt-get", ["download", "busybox-static"], {
      cwd: folder,
      timeout: 6e4
    });
    if (code !== 0 && process.getuid?.() === 0) {
      await runProgram("apt-get", ["update"], { timeout: 12e4 });
      ({ code } = await runProgram("apt-get", ["download", "busybox-static"], {
        cwd: folder,
        timeout: 6e4
      }));
    }
    const archive = (0, import_node_fs6.readdirSync)(folder).find((name) => name.endsWith(".deb"));
    if (code !== 0 || archive === void 0) return void 0;
    await runProgram("dpkg-deb", ["-x", (0, import_node_path8.join)(folder, archive), folder]);
    const program = ["bin/busybox", "usr/bin/busybox"].map((path) => (0, import_node_path8.join)(folder, path)).find((path) => (0, import_node_fs6.existsSync)(path));
    if (program === void 0) return void 0;
    (0, import_node_fs6.mkdirSync)((0, import_node_path8.join)(cached2, ".."), { recursive: true });
    const temporary = `${cached2}.${process.pid}`;
    (0, import_node_fs6.copyFileSync)(program, temporary);
    (0, import_node_fs6.renameSync)(temporary, cached2);
    return cached2;
  } finally {
    (0, import_node_fs6.rmSync)(folder, { recursive: true, force: true });
  }
}

// sandbox/host/images/rootfs.ts
var import_node_fs7 = require("node:fs");
var import_node_path9 = require("node:path");
var postgresUid = 999;
var Rootfs = class {
  constructor(root) {
    this.root = root;
  }
  root;
  /** The place of an absolute container path. */
  at(path) {
    return (0, import_node_path9.join)(this.root, path);
  }
  folder(path, mode = 493) {
    (0, import_node_fs7.mkdirSync)(this.at(path), { recursive: true });
    (0, import_node_fs7.chmodSync)(this.at(path), mode);
  }
  copy(source, target, mode) {
    (0, import_node_fs7.mkdirSync)((0, import_node_path9.dirname)(this.at(target)), { recursive: true });
    (0, import_node_fs7.copyFileSync)((0, import_node_fs7.realpathSync)(source), this.at(target));
    (0, import_node_fs7.chmodSync)(this.at(target), mode ?? (0, import_node_fs7.statSync)(source).mode & 511);
  }
  write(path, content, mode = 420) {
    (0, import_node_fs7.mkdirSync)((0, import_node_path9.dirname)(this.at(path)), { recursive: true });
    (0, import_node_fs7.writeFileSync)(this.at(path), content);
    (0, import_node_fs7.chmodSync)(this.at(path), mode);
  }
  link(path, target) {
    (0, import_node_fs7.mkdirSync)((0, import_node_path9.dirname)(this.at(path)), { recursive: true });
    if (!(0, import_node_fs7.existsSync)(this.at(path))) (0, import_node_fs7.symlinkSync)(target, this.at(path));
  }
  async libraries(programs, within) {
    for (const library of await linkedLibraries(programs, within)) this.copy(library, library, 493);
  }
};
async function base(root) {
  const tree = new Rootfs(root);
  for (const path of [
    "/etc",
    "/root",
    "/usr/bin",
    "/usr/local/bin",
    "/bin",
    "/var/run",
    "/proc",
    "/sys",
    "/dev"
  ])
    tree.folder(path);
  tree.folder("/tmp", 1023);
  tree.write(
    "/etc/passwd",
    `root:x:0:0:root:/root:/bin/sh
postgres:x:${postgresUid}:${postgresUid}::/var/lib/postgresql:/bin/sh
node:x:1000:1000::/home/node:/bin/sh
nobody:x:65534:65534::/:/bin/false
`
  );
  tree.write("/etc/group", `root:x:0:
postgres:x:${postgresUid}:
node:x:1000:
nogroup:x:65534:
`);
  tree.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  const authorities = "/etc/ssl/certs/ca-certificates.crt";
  if ((0, import_node_fs7.existsSync)(authorities)) tree.copy(authorities, authorities, 420);
  tree.copy(process.execPath, "/usr/local/bin/node", 493);
  const programs = [process.execPath];
  const busybox = await findBusybox();
  if (busybox === void 0) {
    for (const name of plainPrograms) {
      const program = findRealProgram(name);
      if (program === void 0) continue;
      tree.copy(program, `/bin/${name}`, 493);
      tree.link(`/usr/bin/${name}`, `/bin/${name}`);
      programs.push(program);
    }
  } else {
    tree.copy(busybox, "/bin/busybox", 493);
    const { stdout } = await runProgram(busybox, ["--list"]);
    for (const applet of stdout.split("\n").filter((name) => /^[\w[.-]+$/.test(name) && name !== "busybox")) {
      tree.link(`/bin/${applet}`, "busybox");
      tree.link(`/usr/bin/${applet}`, "/bin/busybox");
    }
  }
  await tree.libraries(programs);
  return tree;
}
async function nodeAppRootfs(root, content, workingDirectory) {
  const tree = await base(root);
  (0, import_node_fs7.mkdirSync)(tree.at(workingDirectory), { recursive: true });
  (0, import_node_fs7.cpSync)(content, tree.at(workingDirectory), { recursive: true });
}

// test/support/docker-daemon.ts
var import_node_child_process3 = require("node:child_process");
var import_node_fs8 = require("node:fs");
var import_node_os4 = require("node:os");
var import_node_path10 = require("node:path");
var import_promises3 = require("node:timers/promises");
function programOnPath(name) {
  const folders2 = `${process.env["PATH"] ?? ""}:/usr/sbin`.split(":");
  return folders2.map((folder) => (0, import_node_path10.join)(folder, name)).find((file) => (0, import_node_fs8.existsSync)(file));
}
function isPrivileged() {
  if ((0, import_node_os4.userInfo)().uid !== 0) return false;
  const status = (0, import_node_fs8.readFileSync)("/proc/self/status", "utf8");
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return (effective >> 21n & 1n) === 1n;
}
var canStartDaemon = programOnPath("dockerd") !== void 0 && programOnPath("docker") !== void 0 && isPrivileged();
async function startDaemon({ networks = false } = {}) {
  const directory = (0, import_node_fs8.mkdtempSync)((0, import_node_path10.join)((0, import_node_os4.tmpdir)(), "gw-docker-"));
  const host = `unix://${(0, import_node_path10.join)(directory, "docker.sock")}`;
  const docker = (...args) => (0, import_node_child_process3.execFileSync)(programOnPath("docker"), ["--host", host, ...args], {
    encoding: "utf8",
    stdio: "pipe"
  }).trim();
  const launch = async () => {
    const child = (0, import_node_child_process3.spawn)(
      programOnPath("dockerd"),
      [
        ...["--data-root", (0, import_node_path10.join)(directory, "data"), "--exec-root", (0, import_node_path10.join)(directory, "exec")],
        ...["--pidfile", (0, import_node_path10.join)(directory, "pid"), "--host", host],
        ...networks ? [] : ["--storage-driver", "vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]
      ],
      { stdio: "ignore", env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` } }
    );
    for (let tries = 0; ; tries++) {
      try {
        docker("version");
        return child;
      } catch (error) {
        if (tries > 150) throw error;
        await (0, import_promises3.setTimeout)(200);
      }
    }
  };
  const ended = (child) => new Promise((resolve) => child.once("exit", resolve));
  let daemon = await launch();
  return {
    host,
    docker,
    reboot: async () => {
      const old = ended(daemon);
      const shims = (0, import_node_child_process3.execFileSync)("pgrep", ["-f", `containerd-shim.*${directory}/`], { encoding: "utf8" });
      daemon.kill("SIGKILL");
      await old;
      for (const pid of shims.trim().split("\n").map(Number)) {
        for (const child of childrenOf(pid)) kill(child);
        kill(pid);
      }
      (0, import_node_fs8.rmSync)((0, import_node_path10.join)(directory, "pid"), { force: true });
      kill(Number((0, import_node_fs8.readFileSync)((0, import_node_path10.join)(directory, "exec", "containerd", "containerd.pid"), "utf8")));
      await (0, import_promises3.setTimeout)(500);
      daemon = await launch();
    },
    close: async () => {
      const old = ended(daemon);
      daemon.kill("SIGTERM");
      await old;
      (0, import_node_fs8.rmSync)(directory, { recursive: true, force: true });
    }
  };
}
function childrenOf(pid) {
  return (0, import_node_fs8.readFileSync)(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}
function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
  }
}

// test/support/rollout-host.ts
var nodeBase = "rollout-node:base";
async function rolloutHost() {
  const [daemon, compose, caddy, busybox] = await Promise.all([
    startDaemon({ networks: true }),
    findComposePlugin(() => void 0),
    buildCaddy(),
    findBusybox()
  ]);
  if (busybox === void 0) throw new Error("there is no static busybox here");
  const home = (0, import_node_fs9.mkdtempSync)((0, import_node_path11.join)((0, import_node_os5.tmpdir)(), "gw-rollout-"));
  (0, import_node_fs9.mkdirSync)((0, import_node_path11.join)(home, "docker", "cli-plugins"), { recursive: true });
  (0, import_node_fs9.symlinkSync)(compose, (0, import_node_path11.join)(home, "docker", "cli-plugins", "docker-compose"));
  await importTree(daemon, nodeBase, async (root) => {
    const content = (0, import_node_path11.join)(root, "content");
    (0, import_node_fs9.mkdirSync)(content);
    (0, import_node_fs9.copyFileSync)((0, import_node_path11.join)(projectRoot(), "test", "support", "rollout-app.js"), (0, import_node_path11.join)(content, "app.js"));
    await nodeAppRootfs(root, content, "/app");
    (0, import_node_fs9.rmSync)(content, { recursive: true });
  }, ["ENV PATH=/usr/local/bin:/usr/bin:/bin", "WORKDIR /app", 'CMD ["node","/app/app.js"]']);
  await importTree(daemon, `caddy:${caddyVersion}`, (root) => {
    for (const folder of ["bin", "usr/bin", "etc/caddy", "data", "config", "tmp"]) (0, import_node_fs9.mkdirSync)((0, import_node_path11.join)(root, folder), { recursive: true });
    (0, import_node_fs9.copyFileSync)(caddy, (0, import_node_path11.join)(root, "usr/bin/caddy"));
    (0, import_node_fs9.copyFileSync)(busybox, (0, import_node_path11.join)(root, "bin/busybox"));
    (0, import_node_fs9.symlinkSync)("busybox", (0, import_node_path11.join)(root, "bin/sh"));
  }, [
    "ENV PATH=/usr/bin:/bin",
    "ENV XDG_DATA_HOME=/data",
    "ENV XDG_CONFIG_HOME=/config",
    'CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]'
  ]);
  return new RolloutHost(daemon, home, await freePort());
}
async function importTree(daemon, tag, fill, changes) {
  const root = (0, import_node_fs9.mkdtempSync)((0, import_node_path11.join)((0, import_node_os5.tmpdir)(), "gw-image-"));
  try {
    await fill(root);
    (0, import_node_child_process4.execFileSync)("sh", ["-c", 'tar -C "$1" --owner=0 --group=0 -cf - . | docker --host "$2" import "$@" >/dev/null'.replace('"$@"', changes.map((change) => `--change '${change}'`).join(" ") + ' - "$3"'), "import", root, daemon.host, tag]);
  } finally {
    (0, import_node_fs9.rmSync)(root, { recursive: true, force: true });
  }
}
function freePort() {
  return new Promise((resolve) => {
    const server = (0, import_node_net.createServer)();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
var RolloutHost = class {
  constructor(daemon, home, httpPort) {
    this.daemon = daemon;
    this.home = home;
    this.httpPort = httpPort;
    this.root = (0, import_node_path11.join)(home, "groundwork", this.project);
  }
  daemon;
  home;
  httpPort;
  project = "sample";
  root;
  get url() {
    return `http://127.0.0.1:${this.httpPort}/`;
  }
  get environment() {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.home,
      DOCKER_HOST: this.daemon.host,
      DOCKER_CONFIG: (0, import_node_path11.join)(this.home, "docker")
    };
  }
  docker(...args) {
    return this.daemon.docker(...args);
  }
  /** Makes the image of a release; what differs between releases is in the image, as with real ones. */
  image(release, settings = {}, tag = `rollout-app:${release}`) {
    const lines = Object.entries(settings).map(([name, value]) => `ENV ${name}=${value}`);
    (0, import_node_child_process4.execFileSync)("docker", ["--host", this.daemon.host, "build", "--quiet", "--tag", tag, "-"], {
      input: [`FROM ${nodeBase}`, `LABEL release=${release}`, ...lines, ""].join("\n"),
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
      stdio: "pipe"
    });
    return tag;
  }
  /** Starts a step, as an SSH server does. */
  start(step, frames = {}, { edit } = {}) {
    const text = stepInput(step, encodeFrames({ project: this.project, ...frames }));
    const [script = "", ...rest] = text.split("\n");
    const edited = edit === void 0 ? script : Buffer.from(edit(Buffer.from(script, "base64").toString())).toString("base64");
    const child = (0, import_node_child_process4.spawn)("sh", ["-c", stepCommand(step)], { env: this.environment, stdio: "pipe" });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"]) {
      child[stream].on("data", (chunk) => output[stream] += chunk.toString("utf8"));
    }
    child.stdin.on("error", () => void 0);
    child.stdin.end([edited, ...rest].join("\n"));
    const lines = () => output.stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    const events = () => lines().filter((line) => "event" in line);
    const done = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once(
        "close",
        (code) => resolve({
          code: code ?? -1,
          ...output,
          events: events(),
          result: lines().find((line) => "step" in line)
        })
      );
    });
    return {
      child,
      done,
      kill: () => child.kill("SIGKILL"),
      until: async (event) => {
        while (!events().some((entry) => entry.event === event)) {
          if (child.exitCode !== null) throw new Error(`it ended before ${event}: ${output.stdout}${output.stderr}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
  }
  run(step, frames = {}, options = {}) {
    return this.start(step, frames, options).done;
  }
  /** Frames of a rollout of the image of a release, as the component sends them. */
  frames(release, more = {}) {
    return {
      release,
      timeout: 15,
      pull: "missing",
      ...listFrames("rolling", "rolling", [
        { service: "api", port: 3e3, path: "/healthz", drain: 2, replicas: 1 }
      ]),
      ...listFrames("images", "image", [{ service: "api", reference: `rollout-app:${release}` }]),
      ...more
    };
  }
  rollout(release, more = {}, options = {}) {
    return this.run("rollout", this.frames(release, more), options);
  }
  /** The project's files as the component writes them: an application with two colours, and a service beside it. */
  async prepare(files = {}) {
    const list = { ...projectFiles(), ...files };
    await this.mustRun("prepare-host");
    await this.mustRun("proxy", {
      caddyfile: caddyfile(),
      compose: JSON.stringify(proxyCompose(this.project, this.httpPort)),
      ports: String(this.httpPort)
    });
    await this.mustRun("write-files", {
      ...listFrames(
        "files",
        "file",
        Object.entries(list).map(([path, content]) => ({ path, mode: "0600", content }))
      ),
      check: "compose"
    });
  }
  async mustRun(step, frames = {}) {
    const result = await this.run(step, frames);
    if (result.code !== 0) throw new Error(`${step} ended with ${result.code}: ${result.stderr}`);
    return result;
  }
  /** Containers of a colour, as `service state`. */
  colour(colour) {
    return this.docker(
      "ps",
      "--all",
      "--filter",
      `label=com.docker.compose.project=${this.project}-${colour}`,
      "--format",
      '{{.Label "com.docker.compose.service"}} {{.State}}'
    ).split("\n").filter(Boolean);
  }
  upstream(service = "api") {
    return (0, import_node_fs9.readFileSync)((0, import_node_path11.join)(this.root, "proxy", "upstreams", service), "utf8").trim();
  }
  /** Takes every project, release and image of one away, so that the next test starts anew. */
  reset() {
    const ids = this.docker("ps", "--all", "--quiet").split("\n").filter(Boolean);
    if (ids.length > 0) this.docker("rm", "--force", "--volumes", ...ids);
    this.docker("network", "prune", "--force");
    (0, import_node_fs9.rmSync)((0, import_node_path11.join)(this.home, "groundwork"), { recursive: true, force: true });
  }
  async close() {
    const ids = this.docker("ps", "--all", "--quiet").split("\n").filter(Boolean);
    if (ids.length > 0) this.docker("rm", "--force", "--volumes", ...ids);
    await this.daemon.close();
    (0, import_node_fs9.rmSync)(this.home, { recursive: true, force: true });
  }
};
function projectFiles() {
  return {
    "compose.yaml": `services:
  api:
    image: nothing
    env_file: [release.env]
    networks: [app]
    restart: unless-stopped
    healthcheck:
      test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/healthz"]
      interval: 1s
      retries: 60
  side:
    image: ${nodeBase}
    command: ["sleep", "1000000"]
    init: true
    networks: [app]
    volumes: ["state:/state"]
networks:
  app: {}
volumes:
  state: {}
`,
    "compose.override.json": "{}",
    "compose.colour.yaml": `services:
  api:
    ports: !reset []
    container_name: !reset null
    depends_on: !reset {}
    networks: !override
      app: {}
      edge:
        aliases: ["api-\${GROUNDWORK_COLOUR}"]
networks:
  app: !override
    name: sample_app
    external: true
  default: !override
    name: sample_default
    external: true
  edge:
    name: sample-edge
    external: true
volumes:
  state: !override
    name: sample_state
    external: true
`,
    ".env": "",
    "release.env": "GREETING=hello\n"
  };
}
function proxyCompose(project, httpPort) {
  return {
    services: {
      caddy: {
        image: `caddy:${caddyVersion}`,
        restart: "unless-stopped",
        ports: [`127.0.0.1:${httpPort}:80`, "127.0.0.1::2020"],
        volumes: ["./proxy/config:/etc/caddy:ro", "./proxy/upstreams:/upstreams:ro", "./certificates:/certificates:ro", "data:/data"],
        networks: ["edge"]
      }
    },
    networks: { edge: { name: `${project}-edge`, external: true } },
    volumes: { data: {} }
  };
}
function caddyfile(extra = "") {
  return `{
	auto_https off
	grace_period 60s
	admin localhost:2019
}
:{$HTTP_PORT:80} {
	${extra}
	reverse_proxy {file.{$UPSTREAMS:/upstreams}/api} {
		lb_try_duration 5s
		lb_try_interval 50ms
		stream_close_delay 5m
		transport http {
			resolvers {$RESOLVER:127.0.0.11}
		}
	}
}
:{$GATE_PORT:2020} {
	@api header X-Groundwork-Service api
	handle @api {
		reverse_proxy {file.{$UPSTREAMS:/upstreams}/api.candidate} {
			transport http {
				resolvers {$RESOLVER:127.0.0.11}
			}
		}
	}
	respond 404
}
`;
}

// ../scripts-dbg.ts
var import_node_child_process5 = require("node:child_process");
(async () => {
  const host = await rolloutHost();
  try {
    host.image("1", { START_MS: 100 });
    await host.prepare();
    const running = host.start("rollout", host.frames("1", { timeout: 12 }));
    await running.until("starting");
    await new Promise((r) => setTimeout(r, 4e3));
    const sh = (c) => {
      try {
        console.log("$", c, "\n" + (0, import_node_child_process5.execFileSync)("sh", ["-c", c + " 2>&1"], { env: host.environment, encoding: "utf8" }));
      } catch (e) {
        console.log("$", c, "FAIL", e.stdout);
      }
    };
    sh("docker ps -a");
    sh("docker logs sample-proxy-caddy-1 | tail -5");
    sh("docker port sample-proxy-caddy-1");
    sh("docker inspect sample-blue-api-1 --format '{{json .NetworkSettings.Networks}}'");
    sh("docker exec sample-proxy-caddy-1 busybox nslookup api-blue 127.0.0.11");
    sh("docker exec sample-proxy-caddy-1 busybox wget -T 3 -q -O - http://api-blue:3000/healthz");
    sh("ls -la " + host.root + "/proxy/upstreams; cat " + host.root + "/proxy/upstreams/*; docker exec sample-proxy-caddy-1 busybox ls -la /upstreams /etc/caddy");
    sh("curl -si -H 'X-Groundwork-Service: api' http://$(docker port sample-proxy-caddy-1 2020/tcp)/healthz");
    console.log(await running.done);
  } finally {
    await host.close();
  }
})();
