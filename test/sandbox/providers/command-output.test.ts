import {
  CapturedOutput,
  failureText,
  isLogged,
  redacted,
  secretTexts,
} from "../../../sandbox/providers/command/output";

describe("captured output", () => {
  it("tells whole lines as they come and keeps both streams apart and mixed", () => {
    const lines: string[] = [];
    const output = new CapturedOutput((stream, line) => lines.push(`${stream}: ${line}`));
    output.add("stdout", Buffer.from("one\ntw"));
    output.add("stderr", Buffer.from("oops\n"));
    // A character that arrives in two pieces.
    const euro = Buffer.from("€");
    output.add("stdout", Buffer.concat([Buffer.from("o "), euro.subarray(0, 1)]));
    output.add("stdout", Buffer.concat([euro.subarray(1), Buffer.from("\n\nlast")]));
    expect(lines).toEqual(["stdout: one", "stderr: oops", "stdout: two €", "stdout: "]);
    output.end();
    expect(lines.at(-1)).toBe("stdout: last");
    expect(output.outputs).toEqual({ stdout: "one\ntwo €\n\nlast", stderr: "oops" });
    expect(output.mixed).toBe("one\ntwoops\no €\n\nlast");
  });

  it("removes one newline at the end, no more", () => {
    const output = new CapturedOutput(() => undefined);
    output.add("stdout", Buffer.from("text\n\n"));
    expect(output.outputs.stdout).toBe("text\n");
  });

  it.each([
    [undefined, true, true],
    ["stdoutAndStderr", true, true],
    ["stdout", true, false],
    ["stderr", false, true],
    ["none", false, false],
  ])("logging %s", (logging, stdout, stderr) => {
    expect([isLogged("stdout", logging), isLogged("stderr", logging)]).toEqual([stdout, stderr]);
  });
});

describe("secrets in messages", () => {
  it("takes the values out of JSON and NAME=value lines, and leaves what is no secret", () => {
    const json = JSON.stringify({
      host: "api.example.test",
      password: "p4ssw0rd-in-json",
      nested: ["tok3n-value"],
    });
    const lines = `A=short\nPASSWORD='quoted p4ssword'\nURL=postgres://app:pw123456@db/app\nHOST=db.example.test`;
    const texts = secretTexts([json, lines]);
    expect(texts).toEqual(
      expect.arrayContaining([
        "p4ssw0rd-in-json",
        "tok3n-value",
        "quoted p4ssword",
        "postgres://app:pw123456@db/app",
      ]),
    );
    for (const harmless of ["api.example.test", "db.example.test", "short"])
      expect(texts).not.toContain(harmless);
  });

  it("replaces the longest first", () => {
    expect(redacted("got secret-one-two", secretTexts(["secret-one", "secret-one-two"]))).toBe(
      "got [secret]",
    );
  });

  it("shows the command as the real provider does, unless it is secret", () => {
    expect(failureText("exit status 1", 'echo "x"', false, "x\n")).toBe(
      'exit status 1: running "echo \\"x\\"":\nx\n',
    );
    expect(failureText("exit status 1", "echo hunter22", true, "")).toBe(
      "exit status 1: running [secret]:\n",
    );
  });
});
