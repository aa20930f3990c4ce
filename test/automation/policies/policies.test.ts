import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { migrationFacts } from "../../../automation/policies/migrations";
import { readyPacks } from "../../../automation/policies/packs";
import { policiesOf, PolicyJudge } from "../../../automation/policies/policies";
import type { PolicySettings } from "../../../platform/settings/schema/policies";
import type { Engine } from "../../../sandbox/engine/engine";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-policies-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function stackFile(text: string): string {
  const file = join(folder, "Pulumi.prod.yaml");
  writeFileSync(file, text);
  return file;
}

describe("what a stack file asks for", () => {
  test("defaults are filled in; a file without policies, and none at all, ask for nothing", () => {
    expect(policiesOf(stackFile("config:\n  groundwork:policies: { proofOfRestore: {} }\n"))).toEqual({
      ...{ packs: [], risks: {} },
      proofOfRestore: { days: 30, level: "mandatory" },
    });
    expect(policiesOf(stackFile("config:\n  groundwork:domain: example.com\n"))).toBeUndefined();
    expect(policiesOf(join(folder, "nowhere.yaml"))).toBeUndefined();
    // The run tells what is wrong with the file.
    expect(policiesOf(stackFile('config:\n  groundwork:policies: "open\n'))).toBeUndefined();
  });

  test("what is mistyped is refused: a rule that nobody reads would be kept by everything", () => {
    const wrong = stackFile("config:\n  groundwork:policies: { risks: { dataloss: mandatory } }\n");
    expect(() => policiesOf(wrong)).toThrow(/groundwork:policies is not right[\s\S]*dataloss/);
  });
});

describe("what is known of migrations", () => {
  test("a host that does not answer is said, and nothing is thrown", async () => {
    const settings = {
      origins: { api: { kind: "compose", project: "shop", services: {}, migrations: { service: "api" } } },
      databases: { main: { kind: "container", project: "shop" } },
    } as never;
    const sources = {
      stack: "prod",
      config: () => Promise.resolve({ settings }),
      database: () => Promise.reject(new Error("no SSH server answers at 192.0.2.1:22\n  next: look")),
    };
    expect(await migrationFacts("api", sources, 30)).toEqual({
      origin: "api",
      unknown: "no SSH server answers at 192.0.2.1:22",
    });
  });
});

describe("a judge", () => {
  const migrating = {
    resourcePreEvent: {
      metadata: {
        ...{
          op: "update",
          type: "command:remote:Command",
          urn: "urn:pulumi:prod::shop::command:remote:Command::api-migrations",
        },
      },
      planning: true,
    },
  } as unknown as EngineEvent;
  const judge = (settings: Partial<PolicySettings>): PolicyJudge =>
    new PolicyJudge(
      { packs: [], risks: {}, ...settings },
      {
        ...{ project: "shop", stack: "prod" },
        config: () => Promise.reject(new Error("no host")),
        database: () => Promise.reject(new Error("no host")),
      },
    );

  test("tells as the engine tells of broken policies, and asks a host only where a migration runs again", async () => {
    const asked = judge({ proofOfRestore: { days: 30, level: "mandatory" } });
    expect(await asked.events()).toEqual([]);
    asked.add(migrating);
    expect(await asked.events()).toMatchObject([
      {
        policyEvent: {
          ...{ policyName: "proofOfRestore", policyPackName: "groundwork", enforcementLevel: "mandatory" },
          message: expect.stringContaining("could not be asked (no host)") as string,
        },
      },
    ]);
  });

  test("without rules of its own has nothing to say", async () => {
    const silent = judge({ packs: ["policy"] });
    silent.add(migrating);
    expect(await silent.events()).toEqual([]);
  });
});

test("a folder that is no policy pack is refused before anything runs", () => {
  const engine = { binDirectory: folder, source: "cache" } as Engine;
  expect(() => readyPacks(["policy"], { engine, directory: folder, work: join(folder, "work") })).toThrow(
    /this is no policy pack: .*policy[\s\S]*PulumiPolicy\.yaml/,
  );
});
