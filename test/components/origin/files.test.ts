import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { projectRoot } from "../../../common/project-root";
import {
  ofTheHost,
  overrideFile,
  readComposeFile,
  readFurtherFiles,
  summarise,
} from "../../../components/origin/compose-files";
import { envFile, variableLines } from "../../../components/origin/env-file";
import { parseEnvFile } from "../../../sandbox/host/process/env-file";
import { interpolate } from "../../../sandbox/host/process/interpolate";

const hostile = fc.string({
  unit: fc.constantFrom("'", '"', "$", "{", "}", "\\", "\n", "\r", " ", "#", "=", "n", "é", "`", "\t"),
  maxLength: 20,
});

test("an env file is read back as exactly these values", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), hostile), (values) => {
      expect(parseEnvFile(envFile(values), () => undefined)).toEqual(values);
    }),
    { numRuns: 300 },
  );
});

test("an env file is in order, whatever the order of the variables", () => {
  expect(envFile({ B: "2", A: "1" })).toBe("A='1'\nB='2'\n");
});

test("plain lines refuse what they cannot carry", () => {
  expect(variableLines({ B: "x y", A: "'$" })).toBe("A='$\nB=x y\n");
  expect(() => variableLines({ KEY: "a\nb" })).toThrow("KEY has a line break");
});

test("the override holds any value through Compose's substitution", () => {
  fc.assert(
    fc.property(hostile, (value) => {
      const text = overrideFile({ api: { environment: { A: value } } });
      const parsed = JSON.parse(text) as { services: { api: { environment: { A: string } } } };
      expect(interpolate(parsed.services.api.environment.A, () => undefined)).toBe(value);
    }),
    { numRuns: 300 },
  );
});

describe("files from here", () => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-files-"));
  const composeFile = join(folder, "compose.yaml");
  beforeAll(() => {
    writeFileSync(composeFile, "services: { api: { image: x } }");
    mkdirSync(join(folder, "conf", "deep"), { recursive: true });
    writeFileSync(join(folder, "conf", "b"), "b", { mode: 0o755 });
    writeFileSync(join(folder, "conf", "deep", "a"), "a");
    writeFileSync(join(folder, "binary"), Buffer.from([0xff, 0xfe, 0]));
    symlinkSync("/nowhere", join(folder, "dangling"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("folders are taken whole, in order, with whether they can be run", () => {
    expect(readFurtherFiles(composeFile, [join(folder, "conf")])).toEqual({
      files: [
        { path: "conf/b", content: "b", mode: "0755" },
        { path: "conf/deep/a", content: "a", mode: "0644" },
      ],
      problems: [],
    });
  });

  test("a name that the host's scripts do not take is told, with what they do", () => {
    const pages = join(folder, "pages");
    mkdirSync(pages);
    for (const name of ["[slug]@2+(a),b=c.html", "two words.html", "$HOME", "up..html"])
      writeFileSync(join(pages, name), "x");
    const problem = "has a name that cannot go to a host: rename it";
    const allowed = "letters, digits and ._/@+,=()[]-, no two dots in a row";
    expect(readFurtherFiles(composeFile, [pages]).problems).toEqual([
      ["pages/$HOME", problem, allowed],
      ["pages/two words.html", problem, allowed],
      ["pages/up..html", problem, allowed],
    ]);
  });

  test("what the host keeps of its own is told; names beside it may be used", () => {
    const own = [
      "releases/one/record.json",
      "current",
      "lock",
      "proxy/upstreams/api",
      ".vault",
      "base.state",
    ];
    const free = ["released.txt", "proxy/nginx.conf", "certificates/ca.pem", "locks", "logs/format.conf"];
    const place = mkdtempSync(join(tmpdir(), "groundwork-files-"));
    for (const path of [...own, ...free]) {
      mkdirSync(join(place, dirname(path)), { recursive: true });
      writeFileSync(join(place, path), "x");
    }
    const { problems } = readFurtherFiles(join(place, "compose.yaml"), [place]);
    rmSync(place, { recursive: true });
    const problem = "is what the host keeps of its own beside the compose file: rename it";
    expect(problems).toEqual(own.sort().map((path) => [path, problem]));
  });

  test("what the host keeps of its own is what its scripts name", () => {
    const folder = join(projectRoot(), "remote");
    const scripts = readdirSync(folder).filter((name) => name.endsWith(".sh"));
    const named = scripts.flatMap((name) =>
      [...readFileSync(join(folder, name), "utf8").matchAll(/\$root"?\/([a-z.-]+)(?![\w*.-])/g)].map(
        (match) => match[1]!,
      ),
    );
    const shared = ["", ".env", "backups", "certificates", "compose.yaml", "logs", "proxy"];
    const others = named.filter((name) => !ofTheHost.test(name) && !shared.includes(name));
    expect(others).toEqual([]);
    expect(named).toEqual(expect.arrayContaining(["releases", "lock", ".vault"]));
  });

  test("what cannot go is told", () => {
    const paths = ["binary", "dangling", "missing"].map((name) => join(folder, name));
    expect(
      readFurtherFiles(composeFile, [...paths, tmpdir()]).problems.map(([, problem]) => problem),
    ).toEqual([
      "is not a text file",
      "cannot be read",
      "cannot be read",
      "is not below the compose file's folder",
    ]);
  });

  test.each([
    ["services: [", "is not YAML"],
    ["version: '3'", "has no services"],
    ["", "has no services"],
    ["just text", "has no services"],
  ])("the compose file %p is refused", (text, problem) => {
    expect(summarise(text)).toEqual({ problem: expect.stringContaining(problem) as string });
  });

  test("a compose file's services are known, tags and anchors included", () => {
    const text =
      "x: &x { image: a }\nservices:\n  one: *x\n  two: { image: b, ports: !override ['80:80'] }\n";
    const read = summarise(text);
    expect("summary" in read && Object.keys(read.summary.services)).toEqual(["one", "two"]);
    expect(readComposeFile(composeFile)).toMatchObject({ text: "services: { api: { image: x } }" });
  });
});
