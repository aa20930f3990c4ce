import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { encodeFrames, type Frames } from "../../remote/framing";
import { backupJobScript, stepCommand, stepInput } from "../../remote/scripts";
import { execute, stepHost, type StepHost, type StepResult } from "../support/remote-step";

/** A stand-in whose table is a file. */
const cron = `case $1 in
  -l) cat "$HOME/table" 2>/dev/null || { echo "no crontab for $LOGNAME" >&2; exit 1; } ;;
  -) cat >"$HOME/table" ;;
esac`;

let host: StepHost;
let folder: string;
beforeEach(() => {
  host = stepHost();
  folder = join(host.root, "backups", "main");
  program("restic", 'echo "restic 0.18.1 compiled with go1.26 on linux/amd64"');
  program("systemctl", "exit 1");
  program("crontab", cron);
});
afterEach(() => host.remove());

/** Puts a program on the host's PATH. */
function program(name: string, text: string): void {
  const file = join(host.home, "bin", name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

const secret = "not-for-anybody";
/** A backup that succeeds once `$HOME/works` is there, and says what it was given. */
const backupScript = `
input=$(cat)
[ -f "$HOME/works" ] || { echo 'database-backup: the disk is "full"' >&2; exit 12; }
printf '%s' "$input" >"$HOME/given"
printf '{"backup":"01234567"}' >"$HOME/groundwork/sample/backups/main/last.json"
`;
const frames: Frames = {
  name: "main",
  service: "db",
  admin_user: "postgres",
  database: "shop",
  password: secret,
  backup_script: backupScript,
  backup_frames: encodeFrames({ password: secret }),
  job_script: backupJobScript(),
  cron: "15 3 * * *",
  calendar: "*-*-* 03:15:00 UTC",
  late_minutes: 1560,
  alert: 'printf "%s\\n" "$GROUNDWORK_ALERT" >>"$HOME/told"',
};
const schedule = (changes: Frames = {}): Promise<StepResult> =>
  host.run("database-backup-schedule", { ...frames, ...changes });
const job = (what: string) =>
  // As cron starts it: with next to nothing.
  spawnSync("/bin/sh", [join(folder, "job.sh"), what], { env: { PATH: "/usr/bin:/bin" }, encoding: "utf8" });
const told = (): string[] =>
  existsSync(join(host.home, "told")) ? readFileSync(join(host.home, "told"), "utf8").trim().split("\n") : [];
const inFolder = (name: string): string => readFileSync(join(folder, name), "utf8");

test("by cron: two lines without a secret, what else is in the table stays, and again is the same", async () => {
  writeFileSync(join(host.home, "table"), "0 1 * * * own\n");
  const lines = [
    "0 1 * * * own",
    `15 3 * * * /bin/sh '${folder}/job.sh' backup # groundwork-backup-sample.main`,
    `29 * * * * /bin/sh '${folder}/job.sh' watch # groundwork-watch-sample.main`,
  ];
  for (const _again of [false, true]) {
    const { stderr, stdout } = await schedule();
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({ step: "database-backup-schedule", scheduler: "cron" });
    expect(readFileSync(join(host.home, "table"), "utf8").trim().split("\n")).toEqual(lines);
  }
  await schedule({ cron: "0 */6 * * *", name: "other" });
  expect(readFileSync(join(host.home, "table"), "utf8").trim().split("\n")).toHaveLength(5);
  for (const name of ["backup.frames", "backup.sh", "job.sh", "alert.sh", "environment"])
    expect((statSync(join(folder, name)).mode & 0o077).toString(8)).toBe("0");
  expect(readFileSync(join(host.root, "logs", "database-backup-schedule-main.log"), "utf8")).not.toContain(
    secret,
  );
});

test("what is scheduled runs as the login that asked for it, keeps why it failed, tells it, and forgets that when it works", async () => {
  await schedule();
  expect(job("backup").status).toBe(1);
  expect(JSON.parse(inFolder("failed.json"))).toMatchObject({ error: 'database-backup: the disk is "full"' });
  expect(told()).toEqual([
    expect.stringMatching(/^backups of shop of sample on .*: database-backup: the disk is "full"$/),
  ]);
  writeFileSync(join(host.home, "works"), "");
  expect(job("backup").status).toBe(0);
  expect(existsSync(join(folder, "failed.json"))).toBe(false);
  expect(readFileSync(join(host.home, "given"), "utf8")).toBe(encodeFrames({ password: secret }).trim());
  expect(told()).toHaveLength(1);
});

test.each(["backup.sh", "backup.frames", "job.sh", "alert.sh", "environment"])(
  "a disk that is full at %s ends the step, and nothing is scheduled",
  async (file) => {
    program(
      "mv",
      `case "$*" in *"/${file}") echo "mv: no space left on device" >&2; exit 1 ;; esac; exec /bin/mv "$@"`,
    );
    const { code, stdout, stderr } = await schedule();
    expect([code, stdout]).toEqual([12, ""]);
    expect(stderr).toContain(`cannot write ${join(folder, file)}`);
    expect(stderr).toContain("no space left on device");
    for (const made of [join(host.home, "table"), join(folder, "scheduled")])
      expect([made, existsSync(made)]).toEqual([made, false]);
  },
);

test("a backup that is late is told once a day, also where none was ever made", async () => {
  await schedule();
  expect(job("watch").status).toBe(0);
  const age = (name: string, hours: number): void => {
    const then = new Date(Date.now() - hours * 3_600_000);
    utimesSync(join(folder, name), then, then);
  };
  age("scheduled", 27);
  expect(job("watch").status).toBe(1);
  expect(job("watch").status).toBe(1);
  expect(told()).toEqual([expect.stringMatching(/the newest is older than 26 hours$/)]);
  age("told", 25);
  expect(job("watch").status).toBe(1);
  expect(told()).toHaveLength(2);
  writeFileSync(join(host.home, "works"), "");
  job("backup");
  expect(job("watch").status).toBe(0);
  age("last.json", 27);
  expect(job("watch").status).toBe(1);
  expect(told()).toHaveLength(3);
});

test("without an alert nobody is told, and an earlier one is taken away", async () => {
  await schedule();
  const { alert, ...silent } = frames;
  expect(alert).toBeDefined();
  await host.run("database-backup-schedule", silent);
  expect(existsSync(join(folder, "alert.sh"))).toBe(false);
  expect(job("backup").status).toBe(1);
  expect(told()).toEqual([]);
});

test.each([
  [
    "restic 0.14.0 compiled with go1.19.5 on linux/amd64",
    /restic on this host is older than 0\.17; run: restic self-update/,
  ],
  ["", /older than 0\.17/],
])("restic %j is refused with what to do", async (version, expected) => {
  program("restic", `echo "${version}"`);
  expect(await schedule()).toMatchObject({ code: 11, stderr: expect.stringMatching(expected) as string });
});

test("by systemd: units that systemd itself takes", async () => {
  const available = spawnSync("unshare", ["--mount", "true"]).status === 0 && process.getuid?.() === 0;
  if (!available)
    return console.log("not tried: systemd's units (needs root, to lay a folder over /etc/systemd/system)");
  program("systemctl", 'echo "$*" >>"$HOME/systemctl"');
  rmSync(join(host.home, "bin", "crontab"));
  const kept = join(host.home, "units");
  // In a mount namespace of its own: nothing of this machine's systemd is changed.
  const within = [
    `mkdir -p /etc/systemd/system ${kept} && mount -t tmpfs tmpfs /etc/systemd/system || exit 99`,
    stepCommand("database-backup-schedule").replace(/^exec /, ""),
    `code=$?; cp /etc/systemd/system/* ${kept}; exit $code`,
  ].join("\n");
  const changes = { calendar: "*-*-13 04:00:00 UTC\nFri *-*-* 04:00:00 UTC" };
  const result = await execute(
    "sh",
    `exec unshare --mount sh -c '${within.replace(/'/g, "'\\''")}'`,
    stepInput("database-backup-schedule", encodeFrames({ project: "sample", ...frames, ...changes })),
    { PATH: `${join(host.home, "bin")}:${process.env["PATH"] ?? ""}`, HOME: host.home },
  );
  if (result.code === 99) return console.log(`not tried: systemd's units (${result.stderr.trim()})`);
  expect([result.code, result.stderr]).toEqual([0, ""]);
  expect(JSON.parse(result.stdout)).toMatchObject({ scheduler: "systemd" });
  const unit = (name: string) => readFileSync(join(kept, `groundwork-${name}`), "utf8");
  expect(unit("backup-sample.main.timer")).toContain(
    "[Timer]\nOnCalendar=*-*-13 04:00:00 UTC\nOnCalendar=Fri *-*-* 04:00:00 UTC\nPersistent=true\n",
  );
  expect(unit("watch-sample.main.timer")).toContain("OnCalendar=hourly\n");
  expect(unit("backup-sample.main.service")).toContain(`ExecStart=/bin/sh "${folder}/job.sh" backup\n`);
  for (const kind of ["backup", "watch"])
    for (const end of ["timer", "service"]) expect(unit(`${kind}-sample.main.${end}`)).not.toContain(secret);
  expect(readFileSync(join(host.home, "systemctl"), "utf8")).toContain(
    "enable --now groundwork-backup-sample.main.timer groundwork-watch-sample.main.timer",
  );
  const analyze = spawnSync("systemd-analyze", ["calendar", "*-*-13 04:00:00 UTC", "Fri *-*-* 04:00:00 UTC"]);
  if (analyze.error === undefined) expect(analyze.status).toBe(0);
});

describe("databases whose names join to the same, or are the same but for a dot", () => {
  const others: readonly Frames[] = [
    { name: "2-main" },
    { project: "sample-2" },
    { name: "2-m.in" },
    { name: "2-main-watch" },
  ];

  test("have lines of cron of their own", async () => {
    for (const other of others) expect(await schedule(other)).toMatchObject({ code: 0, stderr: "" });
    const lines = readFileSync(join(host.home, "table"), "utf8").trim().split("\n");
    expect(lines).toHaveLength(8);
    expect(new Set(lines).size).toBe(8);
  });

  test("have timers of their own; those of before go, where they are this one's", async () => {
    program("id", "echo 1000");
    program("loginctl", "exit 0");
    program("systemctl", 'echo "$*" >>"$HOME/systemctl"');
    const units = join(host.home, ".config", "systemd", "user");
    mkdirSync(units, { recursive: true });
    const before = ["groundwork-backup-sample-2-main", "groundwork-backup-sample-2-main-watch"];
    for (const unit of before) {
      writeFileSync(
        join(units, `${unit}.service`),
        `ExecStart=/bin/sh "${host.root}/backups/2-main/job.sh" backup\n`,
      );
      writeFileSync(join(units, `${unit}.timer`), "");
    }
    await schedule({ project: "sample-2" });
    expect(readdirSync(units)).toEqual(expect.arrayContaining(before.map((unit) => `${unit}.timer`)));
    for (const other of others) await schedule(other);
    const kinds = ["backup", "watch"].flatMap((kind) => [`${kind}.service`, `${kind}.timer`]);
    const names = ["sample-2.main", "sample.2-m.in", "sample.2-main", "sample.2-main-watch"];
    expect(readdirSync(units).sort()).toEqual(
      names.flatMap((name) => kinds.map((kind) => `groundwork-${kind.replace(".", `-${name}.`)}`)).sort(),
    );
    expect(readFileSync(join(host.home, "systemctl"), "utf8")).toContain(
      `disable --now groundwork-backup-sample-2-main-watch.timer`,
    );
  });
});

test("a table that cron does not tell is not written over", async () => {
  writeFileSync(join(host.home, "table"), "0 1 * * * own\n");
  program("crontab", cron.replace("-l)", '-l) echo "crontab: cannot read the spool" >&2; exit 1;'));
  const { code, stderr } = await schedule();
  expect(code).toBe(20);
  expect(stderr).toContain("nothing was changed in it");
  expect(stderr).toContain("cannot read the spool");
  expect(readFileSync(join(host.home, "table"), "utf8")).toBe("0 1 * * * own\n");
});

describe("a schedule that the stack has no more", () => {
  const roles = (unscheduled: string): Promise<StepResult> =>
    host.run("postgres-roles", {
      ...{ service: "db", admin_user: "postgres", database: "shop", statements: "SELECT 1;" },
      unscheduled,
    });
  beforeEach(() => {
    host.remove();
    host = stepHost('case "$*" in *"SELECT 1 FROM pg_database"*) echo 1 ;; esac');
    folder = join(host.root, "backups", "main");
    program("restic", 'echo "restic 0.18.1 compiled with go1.26 on linux/amd64"');
    program("systemctl", "exit 1");
    program("crontab", cron);
  });

  test("loses its two lines of cron with the roles; others, and what opens the backups, stay", async () => {
    writeFileSync(join(host.home, "table"), "0 1 * * * own\n");
    await schedule();
    await schedule({ name: "main-2" });
    const table = () => readFileSync(join(host.home, "table"), "utf8").trim().split("\n");
    expect(table()).toHaveLength(5);
    for (const _again of [false, true]) {
      expect(await roles("main")).toMatchObject({ code: 0, stderr: "" });
      expect(table()).toEqual(["0 1 * * * own", matching("main-2"), matching("main-2")]);
    }
    expect(inFolder("backup.frames")).toContain("password");
  });

  test("loses its timers of systemd, disabled before their files go", async () => {
    program("id", "echo 1000");
    program("loginctl", "exit 0");
    program("systemctl", 'echo "$*" >>"$HOME/systemctl"');
    expect(JSON.parse((await schedule()).stdout)).toMatchObject({ scheduler: "systemd-user" });
    await schedule({ name: "other" });
    const units = join(host.home, ".config", "systemd", "user");
    expect(readdirSync(units)).toHaveLength(8);
    rmSync(join(host.home, "systemctl"));
    expect(await roles("main")).toMatchObject({ code: 0 });
    expect(readFileSync(join(host.home, "systemctl"), "utf8").trim().split("\n")).toEqual([
      "--user disable --now groundwork-backup-sample.main.timer",
      "--user disable --now groundwork-watch-sample.main.timer",
      "--user daemon-reload",
    ]);
    expect(readdirSync(units).filter((file) => !file.includes(".other."))).toEqual([]);
    expect(readdirSync(units)).toHaveLength(4);
  });

  test("that was never there is no failure, and one that cannot be taken away is told", async () => {
    expect(await roles("main")).toMatchObject({ code: 0 });
    await schedule();
    program(
      "crontab",
      'case $1 in -l) cat "$HOME/table" ;; *) echo "crontab: read-only" >&2; exit 1 ;; esac',
    );
    const { code, stderr } = await roles("main");
    expect(code).toBe(20);
    expect(stderr).toMatch(/the schedule of the backups of main cannot be taken away/);
  });
});

describe("the schedules of a project that is removed", () => {
  const table = () => readFileSync(join(host.home, "table"), "utf8").trim().split("\n");

  test("go from cron, each database's; those of others stay", async () => {
    writeFileSync(join(host.home, "table"), "0 1 * * * own\n");
    for (const name of ["main", "other"]) await schedule({ name });
    await schedule({ project: "sample-2" });
    expect(table()).toHaveLength(7);
    expect(await host.run("project-remove")).toMatchObject({ code: 0, stderr: "" });
    expect(table()).toEqual(["0 1 * * * own", matching("sample-2.main"), matching("sample-2.main")]);
    expect(existsSync(host.root)).toBe(false);
  });

  test("go from systemd", async () => {
    program("id", "echo 1000");
    program("loginctl", "exit 0");
    program("systemctl", 'echo "$*" >>"$HOME/systemctl"');
    for (const name of ["main", "other"]) await schedule({ name });
    expect(await host.run("project-remove")).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(join(host.home, ".config", "systemd", "user"))).toEqual([]);
    for (const name of ["main", "other"])
      expect(readFileSync(join(host.home, "systemctl"), "utf8")).toContain(
        `disable --now groundwork-watch-sample.${name}.timer`,
      );
  });

  test("that cannot be taken away are told, and the folder stays for the next run", async () => {
    await schedule();
    const works = readFileSync(join(host.home, "bin", "crontab"), "utf8");
    program("crontab", 'case $1 in -l) cat "$HOME/table" ;; *) exit 1 ;; esac');
    const { code, stderr } = await host.run("project-remove");
    expect([code, stderr]).toEqual([
      20,
      matching("the schedule of the backups of main cannot be taken away"),
    ]);
    expect(existsSync(folder)).toBe(true);
    writeFileSync(join(host.home, "bin", "crontab"), works);
    expect(await host.run("project-remove")).toMatchObject({ code: 0, stderr: "" });
    expect(table()).toEqual([""]);
  });
});

const matching = (text: string) => expect.stringContaining(text) as unknown;

test("where there is neither systemd nor cron, that is said", async () => {
  rmSync(join(host.home, "bin", "crontab"));
  const result = await execute(
    "sh",
    stepCommand("database-backup-schedule"),
    stepInput("database-backup-schedule", encodeFrames({ project: "sample", ...frames })),
    { PATH: `${join(host.home, "bin")}:/usr/bin:/bin`, HOME: host.home },
  );
  if (existsSync("/usr/bin/crontab")) return console.log("not tried: this machine has cron");
  expect(result).toMatchObject({
    code: 11,
    stderr: expect.stringContaining("neither systemd nor cron") as string,
  });
});
