import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { projectRoot } from "../../common/project-root";
import { decodeStepInput, encodeFrames, listFrames } from "../../remote/framing";
import { stepInput } from "../../remote/scripts";
import { execute } from "../support/remote-step";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "groundwork-frames-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const library = join(projectRoot(), "remote");

/** Decodes each frame into a file by the real decoder, and reads the files back. */
async function throughShell(shell: string, values: readonly string[]): Promise<string[]> {
  const frames = Object.fromEntries(values.map((value, index) => [`v${index}`, value]));
  const script = `cd "${library}"; . ./lib.sh; read_frames; n=0; while [ "$n" -lt ${values.length} ]; do
    value "v$n" >"${folder}/$n" || exit 9; n=$((n + 1)); done`;
  const result = await execute(shell, script, encodeFrames(frames), {
    PATH: process.env["PATH"] ?? "",
    HOME: folder, // bash reads its start-up file when its input is a socket, as under sshd
  });
  expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
  return values.map((_value, index) => readFileSync(join(folder, String(index)), "utf8"));
}

const anyText = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._:/@-]+$/),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom("'", '"', "$", "`", "\\", "\n", "\r", " ", "=", "!", ";", "é", "\0"),
    maxLength: 30,
  }),
);

describe.each(["sh", "bash"])("frames through %s", (shell) => {
  test("every value arrives as it was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 12 }), async (values) => {
        expect(await throughShell(shell, values)).toEqual(values);
      }),
      { numRuns: 25 },
    );
  });

  test("a long value arrives", async () => {
    const long = "0123456789abcdef".repeat(20_000);
    expect(await throughShell(shell, [long])).toEqual([long]);
  });
});

test.each([
  ["a stream that ends early", "name dGV4dA==\n", "the input ends early"],
  ["an empty stream", "", "the input ends early"],
  ["a bad name", "na-me dGV4dA==\n.\n", "bad name"],
  ["text that is not base64", "name $(id)\n.\n", "is not base64"],
  ["a word that is not plain", "name =$(id)\n.\n", "is not a plain word"],
])("%s is refused", async (_what, input, message) => {
  const result = await execute("sh", `cd "${library}"; . ./lib.sh; read_frames; echo read`, input, {
    PATH: process.env["PATH"] ?? "",
  });
  expect(result.code).toBe(10);
  expect(result.stdout).toBe("");
  expect(result.stderr).toContain(message);
});

test("a plain word travels as it is, anything else in base64; both are read back", () => {
  const frames = { port: 3000, service: "api-1", path: "/healthz", said: "a b", none: "", equals: "=x" };
  const text = encodeFrames(frames);
  expect(text).toBe("port =3000\nservice =api-1\npath =/healthz\nsaid YSBi\nnone \nequals PXg=\n.\n");
  expect(decodeStepInput(stepInput("releases", text))).toEqual({ ...frames, port: "3000" });
  // As steps of before have it in a state.
  expect(decodeStepInput(`script\n${text}`)).toEqual({ ...frames, port: "3000" });
});

test("a frame's name is checked where it is written", () => {
  expect(() => encodeFrames({ "Not-Good": "x" })).toThrow("bad frame name");
});

test("a list has a count and numbered members", () => {
  expect(listFrames("files", "file", [{ path: "a", mode: "0600" }, { path: "b" }])).toEqual({
    files: 2,
    file_1_path: "a",
    file_1_mode: "0600",
    file_2_path: "b",
  });
});
