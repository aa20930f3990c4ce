/** Releases in a swarm that fail, against a stand-in for Docker: what is put back, and what is said of it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listFrames, type Frames } from "../../remote/framing";
import { stepHost, type StepHost } from "../support/remote-step";

/**
 * A swarm of one service, `api`. What runs is in files: `stack`, the release that the swarm has; `beside`, the compose file by which
 * the others were brought up last. `no-stack`: releases that Docker does not take; `sick`: those whose tasks do not get healthy.
 */
const docker = String.raw`
case $call in
  info*) echo true ;;
  *" config --services") sed -n 's/^  \([a-z]*\):.*/\1/p' "$HOME/groundwork/sample/compose.yaml" ;;
  *" config "*) printf 'services:\n  api:\n    image: app\n' ;;
  *" up "*) cp "$HOME/groundwork/sample/compose.yaml" "$HOME/beside"; printf '%s\n' "$call" >>"$HOME/ups"
    ! grep -q broken "$HOME/beside" || exit 1 ;;
  "ps --all "*) sed -n '/api/d; s/^  \([a-z]*\):.*/\1 \1/p' "$HOME/beside" 2>/dev/null || [ ! -f "$HOME/beside" ] ;;
  "rm --force "*) sed -i "/^  $3:/d" "$HOME/beside" ;;
  "stack deploy "*)
    id=$(expr "$call" : '.*releases/\([a-z]*\)/stack')
    printf '%s\n' "$id" >>"$HOME/deployed"
    ! grep -Fqsx "$id" "$HOME/no-stack" || exit 1
    # A secret whose file has changed under the same name is refused.
    [ -z "$(cat "$HOME/groundwork/sample/secret-of" 2>/dev/null)" ] || [ "$(cat "$HOME/groundwork/sample/secret-of")" = "$id" ] || exit 1
    printf '%s' "$id" >"$HOME/stack" ;;
  "service inspect "*)
    # A manager that is busy does not answer each time.
    if [ -s "$HOME/silent" ]; then sed -i 1d "$HOME/silent"; exit 1; fi
    state=completed; ! grep -Fqsx "$(cat "$HOME/stack")" "$HOME/sick" || state=rollback_completed
    printf '%s %s\n' "$(cat "$HOME/stack")" "$state" ;;
  "service ps --quiet"*) echo task ;;
  "inspect --type task"*) printf 'task running running %s\n' "$(cat "$HOME/stack")" ;;
esac`;

let host: StepHost;
beforeEach(() => {
  host = stepHost(docker);
});
afterEach(() => host.remove());

const home = (name: string) => join(host.home, name);
const read = (path: string) => readFileSync(path, "utf8");
const besides = (...lines: string[]) =>
  `services:\n  api: {}\n${lines.map((line) => `  ${line}\n`).join("")}`;
const writeFiles = async (files: Readonly<Record<string, string>>) => {
  const list = Object.entries({ ".env": "", "compose.override.json": "{}", ...files });
  const frames = listFrames(
    "files",
    "file",
    list.map(([path, content]) => ({ path, content, mode: "0600" })),
  );
  expect(await host.run("write-files", { ...frames, check: "none" })).toMatchObject({ code: 0 });
};
const rollout = (release: string, more: Frames = {}) =>
  host.run("swarm-rollout", { release, services: "api", timeout: 2, drain: 0, watch: 0, ...more });
const serve = async (release: string, files: Readonly<Record<string, string>>) => {
  await writeFiles(files);
  expect(await rollout(release)).toMatchObject({ code: 0, stderr: "" });
};
const list = (name: string, ...ids: string[]) => writeFileSync(home(name), `${ids.join("\n")}\n`);

test("a release in a swarm ends what only the one before had beside it", async () => {
  await serve("one", { "compose.yaml": besides("store: {image: postgres:17}") });
  await serve("two", { "compose.yaml": besides() });
  expect(read(home("beside"))).toBe(besides());
});

describe("a release in a swarm that fails", () => {
  const good = { "compose.yaml": besides("store: {image: postgres:17}") };

  test("puts a service beside the swarm that does not become healthy back as it was", async () => {
    await serve("good", good);
    await writeFiles({ "compose.yaml": besides("store: {image: broken}") });
    const result = await rollout("bad", { run: "attempt" });
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("swarm-rollout: store did not become healthy within 2 s; good serves\n");
    expect(read(home("beside"))).toBe(good["compose.yaml"]);
    expect(read(join(host.root, "compose.yaml"))).toBe(good["compose.yaml"]);
    expect(read(home("ups")).trim().split("\n").at(-1)).toMatch(
      /good\/compose\.release\.json up .*--pull never store$/,
    );
    // The swarm never heard of it.
    expect(read(home("deployed"))).toBe("good\n");
    expect(result.stdout).toContain('"event":"failed"');
    const again = await rollout("bad", { run: "attempt" });
    expect(again).toMatchObject({ code: 21 });
    expect(again.stderr).toContain("store did not become healthy within 2 s; good serves");
  });

  test("puts it back too where the swarm gives the release up", async () => {
    await serve("good", good);
    await writeFiles({ "compose.yaml": besides("store: {image: postgres:18}") });
    list("sick", "bad");
    const result = await rollout("bad");
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("the release bad did not become healthy; good serves");
    expect(read(home("beside"))).toBe(good["compose.yaml"]);
    expect(read(home("stack"))).toBe("good");
  });

  test("ends a service beside the swarm that the release before did not have", async () => {
    await serve("good", { "compose.yaml": besides() });
    await writeFiles({ "compose.yaml": besides("store: {image: broken}") });
    expect((await rollout("bad")).stderr).toContain("good serves");
    expect(read(home("beside"))).toBe(besides());
  });

  test("gives the swarm the stack of before with its own files, as secrets of one name cannot change", async () => {
    await serve("good", { ...good, "secret-of": "good" });
    await writeFiles({ ...good, "secret-of": "bad" });
    list("sick", "bad");
    const result = await rollout("bad");
    expect(result.stderr).toContain("the release bad did not become healthy; good serves");
    expect(read(home("deployed"))).toBe("good\nbad\ngood\n");
    expect(read(home("stack"))).toBe("good");
  });

  test("does not say that the one before serves where it cannot be put back", async () => {
    const broken = { "compose.yaml": besides("store: {image: postgres:17}") };
    await serve("good", broken);
    await writeFiles({ "compose.yaml": besides("store: {image: postgres:18}") });
    list("sick", "bad");
    // What the swarm took once it does not take again.
    list("no-stack", "good");
    const result = await rollout("bad");
    expect(result.code).toBe(20);
    expect(result.stderr).not.toContain("good serves");
    expect(result.stderr).toContain(
      "the release bad did not become healthy; it could not be taken back to good as a whole",
    );
  });

  test("is not taken for one while the manager does not answer", async () => {
    await serve("good", good);
    list("silent", "once", "twice", "and again");
    expect(await rollout("better", { timeout: 10 })).toMatchObject({ code: 0, stderr: "" });
    expect(read(home("deployed"))).toBe("good\nbetter\n");
  });

  test("goes back with the time that the release had to become healthy, and to drain", async () => {
    const times = { timeout: 400, drain: 90 };
    for (const release of ["one", "two"]) {
      await writeFiles(good);
      expect(await rollout(release, times)).toMatchObject({ code: 0, stderr: "" });
    }
    const back = await host.run("swarm-rollout", { to: "one", watch: 0 });
    expect(back).toMatchObject({ code: 0, stderr: "" });
    expect(read(home("ups")).match(/(?<=--wait-timeout )\d+/g)).toEqual(["400", "400", "400"]);
    const kept = ["timeout", "drain"].map((name) => read(join(host.root, "releases", "one", name)));
    expect(kept).toEqual(["400", "90"]);
  });

  test("says of the first one that nothing served before", async () => {
    await writeFiles({ "compose.yaml": besides("store: {image: broken}") });
    const result = await rollout("bad");
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("store did not become healthy within 2 s; it was the first release");
    expect(result.stderr).not.toContain("serves");
    expect(existsSync(home("deployed"))).toBe(false);
  });
});
