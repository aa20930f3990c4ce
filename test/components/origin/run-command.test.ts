import { runCommand, type CommandResult } from "../../../components/origin/run-command";

/** Runs it, and says whether it took less than ten seconds. */
async function soon(script: string, timeoutMs: number): Promise<CommandResult> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("it has not ended")), 10_000).unref();
  });
  return Promise.race([
    runCommand({ command: ["sh", "-c", script], environment: {}, timeoutMs, secrets: [] }),
    late,
  ]);
}

// Such as a connection that ssh keeps, or a platform's agent: in a session of its own, with what was its parent's output.
const leavesOne = "setsid sleep 15 &";

describe("a command of the user's that leaves a program behind", () => {
  test("has ended when it has ended, with all that it printed", async () => {
    expect(await soon(`${leavesOne} echo released`, 60_000)).toEqual({ lastLines: ["released"] });
  });

  test("fails as it has ended", async () => {
    const { problem, lastLines } = await soon(`${leavesOne} echo no such image >&2; exit 3`, 60_000);
    expect([problem, lastLines]).toEqual(["it ended with exit code 3", ["no such image"]]);
  });

  test("ends with its time", async () => {
    expect((await soon(`${leavesOne} sleep 30`, 500)).problem).toBe("it did not end within 0.5 s");
  });
});
