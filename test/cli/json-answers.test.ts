import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { shownVariables } from "../../cli/commands/sandbox-env";
import { statusOf } from "../../cli/commands/sandbox-status";
import { tokenLines } from "../../cli/commands/token";
import { commands } from "../../cli/commands";
import { placesOf } from "../../cli/completion/table";
import { jsonAnswer } from "../../cli/json/answer";
import { answering, jsonSchemaFiles } from "../../cli/json/schemas";
import { sandboxAnswer, sandboxLines } from "../../cli/sandbox-answer";
import type { SandboxRecord } from "../../sandbox/record";
import { SandboxHome } from "../support/command";
import { parsedAnswer } from "../support/json-answer";

// Every answer for programs: that there is one, that it is described, and what those are that need no environment. The
// others are held against their schemas where their tests run them.

/** They hand the terminal, or a script, on. */
const withoutAnswer = ["db psql", "completion"];

/** `db restore --drop-kept` -> `db restore`. */
const commandOf = (answer: string): string => answer.replace(/ --.*$/, "");
const takesJson = commands.filter(({ options }) => options.some(({ flags }) => flags === "--json"));

describe("every command", () => {
  test("takes --json, but those that hand the terminal on; its help and completion offer it", () => {
    const named = takesJson.map(({ name }) => name);
    expect(commands.map(({ name }) => name).filter((name) => !named.includes(name))).toEqual(withoutAnswer);
    const offering = placesOf(commands).filter(({ options }) =>
      options.some(({ word }) => word === "--json"),
    );
    expect(offering.map(({ command }) => command).sort()).toEqual([...named].sort());
  });

  test("has a schema where it takes --json, and only there", () => {
    expect([...new Set(answering.map(commandOf))].sort()).toEqual(takesJson.map(({ name }) => name).sort());
  });

  test.each(answering.filter((answer) => answer.includes(" --")))(
    "%s is an option that there is",
    (answer) => {
      const [, option = ""] = /(--\S+)$/.exec(answer) ?? [];
      const declared = commands.find(({ name }) => name === commandOf(answer))?.options ?? [];
      expect(declared.map(({ flags }) => flags.split(" ")[0])).toContain(option);
    },
  );
});

describe("the schemas", () => {
  const files = jsonSchemaFiles();

  test("in schemas/json are those of the code, and no others (npm run docs)", () => {
    const folder = join(projectRoot(), "schemas", "json");
    const there = readdirSync(folder).map((file) => [
      `schemas/json/${file}`,
      readFileSync(join(folder, file), "utf8"),
    ]);
    expect(Object.fromEntries(there)).toEqual(files);
    expect(Object.keys(files)).toHaveLength(answering.length);
  });

  test.each(Object.entries(files))("%s describes every property and allows no other", (_file, text) => {
    const schema = JSON.parse(text) as Schema;
    expect(schema.description).toMatch(/\.$/);
    expect(loose(schema, "")).toEqual([]);
  });

  test("a property without words, and an object that takes any, are found out", () => {
    const open: Schema = { type: "object", properties: { a: { type: "string" } } };
    expect(loose({ type: "array", items: open }, "")).toEqual(["[] takes any property", "[].a has no words"]);
  });
});

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** What a schema leaves open, by its place. A map has values of one kind instead of properties. */
function loose(schema: Schema, at: string): string[] {
  const { additionalProperties, anyOf = [], items, properties } = schema;
  return [
    ...(properties !== undefined && additionalProperties !== false ? [`${at} takes any property`] : []),
    ...Object.entries(properties ?? {}).flatMap(([name, property]) => [
      ...(property.description === undefined ? [`${at}.${name} has no words`] : []),
      ...loose(property, `${at}.${name}`),
    ]),
    ...(items === undefined ? [] : loose(items, `${at}[]`)),
    ...(typeof additionalProperties === "object" ? loose(additionalProperties, `${at}{}`) : []),
    ...anyOf.flatMap((each) => loose(each, at)),
  ];
}

describe("an answer", () => {
  test("that its schema does not describe is refused: by the compiler where it is printed, by tests where it is read", () => {
    const made = { stack: "dev", database: "main", password: "not for programs" };
    // @ts-expect-error -- the schema knows no password
    const printed = jsonAnswer("db reset", made);
    expect(() => parsedAnswer("db reset", printed)).toThrow(/Unrecognized key[^]*password/);
    const nested = {
      environments: [{ name: "pr-1", why: "asked for", state: "left" as const, more: 1 }],
      missing: [],
    };
    // @ts-expect-error -- nor, of an environment, this member
    expect(() => parsedAnswer("env gc", jsonAnswer("env gc", nested))).toThrow(/Unrecognized key[^]*more/);
    // @ts-expect-error -- the database is missing
    expect(() => parsedAnswer("db reset", jsonAnswer("db reset", { stack: "dev" }))).toThrow(/database/);
    expect(() => parsedAnswer("db reset", 'wrote it\n{"stack":"dev","database":"main"}')).toThrow(
      /no answer/,
    );
  });

  test("is several lines, or one where the command goes on after it", () => {
    const answer = { host: "127.0.0.1", port: 5432, database: "app", user: "app_ro" };
    expect(jsonAnswer("db tunnel", answer).split("\n")).toHaveLength(6);
    expect(jsonAnswer("db tunnel", answer, 0)).toBe(JSON.stringify(answer));
  });
});

const record = {
  pid: 7,
  startedAt: "2026-01-01T00:00:00.000Z",
  fingerprint: "f",
  api: { url: "http://127.0.0.1:1/client/v4" },
  edge: { httpPort: 80, httpsPort: 443, caFile: "/sandbox/ca.pem" },
  host: {
    mode: "process",
    address: "127.0.0.2",
    port: 22,
    user: "deploy",
    hostKey: "ssh-ed25519 AAAA",
    privateKeyFile: "/sandbox/key",
  },
  page: { url: "http://127.0.0.1:2/" },
  storage: { url: "http://127.0.0.1:3" },
  databases: [],
  targets: [],
} as const satisfies SandboxRecord;

describe("a sandbox's answers", () => {
  const pins = [
    { pin: "123456", email: "a@example.com", application: "Tools", until: "2026-01-01T00:10:00.000Z" },
  ];

  test.each([
    ["that does not run", undefined, { stack: "dev", runs: false }],
    [
      "that runs",
      record,
      {
        stack: "dev",
        runs: true,
        sandbox: {
          pid: 7,
          startedAt: record.startedAt,
          api: record.api.url,
          edge: record.edge,
          host: { mode: "process", address: "127.0.0.2", port: 22, user: "deploy" },
          storage: record.storage.url,
          drawing: record.page.url,
          pins: {
            file: "/sandbox/pins.json",
            pending: [{ email: "a@example.com", application: "Tools", until: pins[0]?.until }],
          },
        },
      },
    ],
  ])("status of one %s", (_what, of, wanted) => {
    const answer = jsonAnswer("sandbox status", statusOf("dev", of, "/sandbox/pins.json", pins));
    expect(parsedAnswer("sandbox status", answer)).toEqual(wanted);
    for (const secret of ["123456", record.host.hostKey]) expect(answer).not.toContain(secret);
  });

  test("its variables name the file of a secret one", () => {
    const answer = shownVariables({
      stack: "dev",
      folder: { apiTokenFile: "/sandbox/api-token" },
      variables: { PULUMI_HOME: "/sandbox/pulumi", CLOUDFLARE_API_TOKEN: "secret-token" },
    });
    expect(parsedAnswer("sandbox env", jsonAnswer("sandbox env", answer))).toEqual({
      stack: "dev",
      variables: { PULUMI_HOME: "/sandbox/pulumi", CLOUDFLARE_API_TOKEN: "[secret]" },
      secretFiles: { CLOUDFLARE_API_TOKEN: "/sandbox/api-token" },
    });
  });

  const visits = [
    { url: "https://app.localhost/", status: 200, milliseconds: 5 },
    { url: "https://api.example.com/health", status: undefined, milliseconds: 9, problem: "refused" },
  ];
  const remove = "npx groundwork sandbox destroy -s dev";

  test.each([
    ["without a command that opens it", undefined],
    ["with one", "npm start -- --open"],
  ])("what was brought up, %s, is the same for programs and people", (_what, open) => {
    const drawing = record.page.url;
    const next = open === undefined ? { remove } : { remove, open };
    const answer = sandboxAnswer(
      { stack: "dev", record },
      { databases: {} },
      { changed: true, commands: next, visits },
    );
    const read = parsedAnswer("sandbox", jsonAnswer("sandbox", answer));
    expect(read).toMatchObject({ stack: "dev", changed: true, databases: [], drawing: record.page.url });
    expect(read.addresses).toEqual([
      { url: "https://app.localhost/", typed: "https://app.localhost:443", status: 200, milliseconds: 5 },
      {
        url: "https://api.example.com/health",
        typed: "https://api.example.com/health",
        milliseconds: 9,
        problem: "refused",
      },
    ]);
    expect(read.next).toContainEqual(
      open === undefined
        ? { what: "see it drawn", command: drawing }
        : { what: "see it drawn", command: open, note: drawing },
    );
    const lines = sandboxLines(answer).join("\n");
    expect(lines).toMatch(/https:\/\/app\.localhost:443 +│ 200 +│ 5 ms/);
    expect(lines).toMatch(/https:\/\/api\.example\.com\/health +│ refused/);
    for (const { command } of read.next) expect(lines).toContain(command);
  });
});

test.each([
  [undefined, "  DNS Write (zone)  for zone"],
  [true, "  ok       DNS Write (zone)  for zone"],
  [false, "  missing  DNS Write (zone)  for zone"],
])("a permission of which it is known that it is allowed: %s", (allowed, line) => {
  const permission = { name: "DNS Write", scope: "zone", because: ["zone"], allowed } as const;
  const answer = { stack: "dev", account: "a1", domain: "example.com", permissions: [permission] };
  expect(tokenLines(answer)).toEqual(["on account a1 and zone example.com:", line]);
});

describe("the command itself", () => {
  const home = new SandboxHome();
  afterAll(() => home.remove([]));

  test("prints the answer and nothing else; what it says to people goes to standard error", async () => {
    const folder = join(home.folder, "project");
    const init = await home.run(["init", folder, "--name", "shop", "--json"]);
    const { files } = parsedAnswer("init", init.stdout);
    expect(files.filter((file) => !existsSync(join(folder, file)))).toEqual([]);
    expect(files).toContain("Pulumi.dev.yaml");
    expect(init.stderr).toContain("what next:");
    const named = ["-s", "dev", "--directory", folder];
    const token = await home.run(["token", "--no-check", "--json", ...named]);
    expect(parsedAnswer("token", token.stdout)).toMatchObject({ stack: "dev", domain: "shop.localhost" });
    const status = await home.run(["sandbox", "status", "--json", ...named]);
    expect(parsedAnswer("sandbox status", status.stdout)).toEqual({ stack: "dev", runs: false });
    const stopped = await home.run(["sandbox", "stop", "--json", ...named]);
    expect(parsedAnswer("sandbox stop", stopped.stdout)).toEqual({ stack: "dev", ran: false });
    const destroyed = await home.run(["sandbox", "destroy", "--json", ...named]);
    expect(parsedAnswer("sandbox destroy", destroyed.stdout)).toEqual({ stack: "dev", removed: false });
    const gone = await home.run(["start", "--destroy", "--json"]);
    expect(parsedAnswer("start --destroy", gone.stdout)).toEqual({ stack: "dev", removed: false });
    expect([init, token, status, stopped, destroyed, gone].map(({ code }) => code)).toEqual(Array(6).fill(0));
  }, 60_000);

  test("where it cannot answer, there is only its error, with its exit code", async () => {
    const nowhere = await home.run(["token", "--no-check", "--json", "-s", "nowhere"]);
    expect([nowhere.code, nowhere.stdout]).toEqual([1, ""]);
    expect(nowhere.stderr).toContain("nowhere");
    const tunnel = await home.run(["db", "tunnel", "-s", "dev", "--json", "--show-password"]);
    expect([tunnel.code, tunnel.stdout]).toEqual([1, ""]);
    expect(tunnel.stderr).toMatch(/no answer as JSON holds a password[^]*--json or --show-password/);
  }, 60_000);
});
