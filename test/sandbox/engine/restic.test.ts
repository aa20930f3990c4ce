import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRestic, isNewEnoughRestic, resticToCome, resticVersion } from "../../../sandbox/engine/restic";
import { hostLayout } from "../../../sandbox/host/layout";
import { makeFolders, writePrograms } from "../../../sandbox/host/login";
import { runProgram } from "../../../sandbox/host/run-program";

jest.setTimeout(900_000);

test.each([
  ["restic 0.18.1 compiled with go1.26.8 on linux/amd64", true],
  ["restic 0.17.0 compiled with go1.23 on linux/arm64", true],
  ["restic 1.0.0 compiled with go1.30 on linux/amd64", true],
  ["restic 0.14.0 compiled with go1.19.5 on linux/amd64", false],
  ["rest", false],
])("%s: new enough is %s", (version, expected) => {
  expect(isNewEnoughRestic(version)).toBe(expected);
});

test("the restic that is found is one, new enough and with exit codes that say what failed", async () => {
  const restic = await findRestic((line) => console.log(line));
  const version = await runProgram(restic, ["version"]);
  expect(isNewEnoughRestic(version.stdout)).toBe(true);
  const { code } = await runProgram(restic, ["-r", "/nonexistent", "cat", "config"], {
    environment: { ...process.env, RESTIC_PASSWORD: "of nothing" },
  });
  expect(code).toBe(10);
  expect(isNewEnoughRestic(`restic ${resticVersion}`)).toBe(true);
});

describe("the host's restic, where it is not built yet", () => {
  const directory = mkdtempSync(join(tmpdir(), "gw-restic-"));
  const layout = hostLayout(directory);
  const program = join(directory, "built", "restic");
  const made = join(directory, "made");
  const maker = join(directory, "make");
  const restic = (...args: string[]): ReturnType<typeof runProgram> =>
    runProgram(join(layout.bin, "restic"), args);
  beforeAll(() => {
    makeFolders(layout);
    writePrograms(layout, {
      restic: { program, version: "0.18.1", make: [maker, "it is", "wanted"] },
      postgres: undefined,
    });
    writeFileSync(
      maker,
      `#!/bin/sh
echo "$2" >>'${made}'
echo 'building restic'
[ -e '${directory}/can' ] || exit 3
mkdir -p '${join(program, "..")}'
printf '#!/bin/sh\necho "real: $*"\n' >'${program}'
chmod 755 '${program}'
`,
    );
    chmodSync(maker, 0o755);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("tells its version without being built, as a schedule asks for it", async () => {
    const { code, stdout } = await restic("version");
    expect(isNewEnoughRestic(stdout)).toBe(true);
    expect(code).toBe(0);
    expect(() => readFileSync(made)).toThrow("ENOENT");
  });

  test("is built when something is to be done, once; what cannot be built is an error", async () => {
    expect(await restic("backup", "/a b")).toEqual({ code: 3, stdout: "", stderr: "building restic\n" });
    writeFileSync(join(directory, "can"), "");
    expect(await restic("backup", "/a b")).toEqual({
      code: 0,
      stdout: "real: backup /a b\n",
      stderr: "building restic\n",
    });
    expect(await restic("version")).toMatchObject({ stdout: "real: version\n", stderr: "" });
    expect(readFileSync(made, "utf8")).toBe("wanted\nwanted\n");
  });

  test("is where the one lies that is built for this user, whatever the host's home", async () => {
    const built = await findRestic((line) => console.log(line));
    const { make, program: expected } = await resticToCome();
    expect(expected).toBe(built);
    const words = make.join(" ");
    expect(words).toMatch(/^env HOME=\S+ GROUNDWORK_CACHE=\S+ \S*node \S+build-restic\.js$/);
  });
});
