import { findRestic, isNewEnoughRestic, resticVersion } from "../../../sandbox/engine/restic";
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
