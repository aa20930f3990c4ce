import { randomBytes } from "node:crypto";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import fc from "fast-check";
import { PlanChangedError, assertApproved } from "../../../automation/plan/bound";
import {
  type PlanFacts,
  PlanCollector,
  digestOf,
  parsePlanFile,
  planDifferences,
} from "../../../automation/plan/plan";
import { type Step, eventOf, realPreview, secretOf } from "../../report/events";

const key = randomBytes(32);
const facts: PlanFacts = { stack: "staging", program: "p", settings: "s", files: [], key };

function planFrom(events: readonly EngineEvent[], over: Partial<PlanFacts> = {}) {
  const collector = new PlanCollector({ ...facts, ...over });
  for (const event of events) collector.add(event);
  return collector.plan();
}
const digest = (events: readonly EngineEvent[], over: Partial<PlanFacts> = {}): string =>
  digestOf(planFrom(events, over), over.key ?? key);
const step = (after: Record<string, unknown>, over: Partial<Step> = {}): EngineEvent =>
  eventOf({ op: "create", name: "record", after, ...over });

const inputs = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 5,
  noNullPrototype: true,
});

test("two sets of inputs have the same digest exactly when they are the same", () => {
  fc.assert(
    fc.property(inputs, inputs, (one, other) => {
      const normal = (value: Record<string, unknown>): unknown => JSON.parse(JSON.stringify(value));
      let same = true;
      try {
        expect(normal(one)).toEqual(normal(other));
      } catch {
        same = false;
      }
      expect(digest([step(one)]) === digest([step(other)])).toBe(same);
    }),
    { numRuns: 300 },
  );
});

test("the digest differs when any one input of a plan gets another value", () => {
  fc.assert(
    fc.property(fc.array(inputs, { minLength: 1, maxLength: 5 }), fc.nat(), fc.string(), (all, at, name) => {
      const events = all.map((each, index) => step(each, { name: `r${index}` }));
      const index = at % all.length;
      const changed = events.with(index, step({ ...all[index], [`x${name}`]: "new" }, { name: `r${index}` }));
      expect(digest(changed)).not.toBe(digest(events));
    }),
  );
});

test("neither the order of the events, nor of the inputs, nor the folder counts", () => {
  const real = realPreview();
  expect(digest([...real].reverse())).toBe(digest(real));
  expect(digest([step({ a: 1, b: 2 })])).toBe(digest([step({ b: 2, a: 1 })]));
  const at = (folder: string): string =>
    digest([step({ command: `sh ${folder}/remote/run.sh` })], { folders: [folder] });
  expect(at("/home/one/shop")).toBe(at("/builds/7/shop"));
});

test.each<[string, EngineEvent[], Partial<PlanFacts>]>([
  ["an operation", [step({ a: 1 }, { op: "update" })], {}],
  ["a resource", [step({ a: 1 }, { name: "other" })], {}],
  ["the program", [step({ a: 1 })], { program: "q" }],
  ["a setting or secret", [step({ a: 1 })], { settings: "t" }],
  ["the stack", [step({ a: 1 })], { stack: "prod" }],
  ["the key", [step({ a: 1 })], { key: randomBytes(32) }],
])("%s that is another one makes another digest", (_what, events, over) => {
  expect(digest(events, over)).not.toBe(digest([step({ a: 1 })]));
});

test("no value stands in a plan, and a ciphertext that is another one each time is none of it", () => {
  const word = randomBytes(12).toString("hex");
  const plan = planFrom([step({ password: secretOf(word), note: word })]);
  expect(JSON.stringify(plan)).not.toContain(word);
  const sealed = (ciphertext: string) => step({ password: { ...secretOf(), ciphertext } });
  expect(digest([sealed("v1:a")])).toBe(digest([sealed("v1:b")]));
});

test("what differs is named: the resource and its input, its operation, the image", () => {
  const image = (digit: string): string => `ghcr.io/acme/api@sha256:${digit.repeat(64)}`;
  const before = planFrom([step({ image: image("a"), ttl: 1 }), step({}, { name: "gone" })]);
  const after = planFrom([step({ image: image("b"), ttl: 1 }, { op: "update" }), step({}, { name: "new" })]);
  expect(planDifferences(before, after)).toEqual([
    `image ${image("a")} is gone`,
    `image ${image("b")} is new`,
    expect.stringMatching(/gone: is not there any more$/),
    expect.stringMatching(/new: was not in the plan \(create\)$/),
    expect.stringMatching(/record: create → update$/),
    expect.stringMatching(/record: image$/),
  ]);
});

/** What a component publishes in the end; the engine tells before that what the state has. */
const published = (outputs: Record<string, unknown>, over: Partial<Step> = {}): EngineEvent[] =>
  [{ images: { api: "api:0" } }, outputs].map((afterOutputs) =>
    eventOf(
      { op: "same", name: "api", type: "groundwork:index:AppOrigin", custom: false, afterOutputs, ...over },
      "done",
    ),
  );

test("what a component publishes is bound, as no input shows what a host gets; what a provider or the stack tells is not", () => {
  const image = (digit: string): string => `ghcr.io/acme/api:1@sha256:${digit.repeat(64)}`;
  const of = (digit: string) =>
    planFrom(published({ release: "r", images: { api: image(digit), web: "web:1" } }));
  expect(of("a")).toEqual(of("a"));
  expect(of("a").images).toEqual([image("a")]);
  expect(planDifferences(of("a"), of("b"))).toEqual([
    `image ${image("a")} is gone`,
    `image ${image("b")} is new`,
    expect.stringMatching(/AppOrigin api: images\.api$/),
  ]);
  for (const over of [{ custom: true }, { type: "pulumi:pulumi:Stack" }]) {
    expect(digest(published({ release: "r" }, over))).toBe(digest(published({ release: "s" }, over)));
  }
});

test("a file that goes to a host is bound with what is not its text, and an image that it names is named", () => {
  const image = `ghcr.io/evil/api@sha256:${"b".repeat(64)}`;
  const of = (text: string) =>
    planFrom([], { files: [{ name: "compose.yaml of origin api", text }], folders: ["/home/me"] });
  expect(of("/home/me:/data")).not.toEqual(of("<folder>:/data"));
  expect(planDifferences(of("0644\na"), of("0755\na"))).toEqual(["the file compose.yaml of origin api"]);
  expect(planDifferences(of("0600\na"), of(`0600\nimage: ${image}`))).toEqual([
    `image ${image} is new`,
    "the file compose.yaml of origin api",
  ]);
  expect(planDifferences(planFrom([]), of("0600\na"))).toEqual(["the file compose.yaml of origin api"]);
});

test("a plan of before is refused as that, with what is to be done", () => {
  const old = JSON.stringify({ digest: "sha256:0", plan: { version: 1, stack: "staging", steps: {} } });
  expect(() => parsePlanFile(old)).toThrow(
    /another version of groundwork[\s\S]*version 1[\s\S]*npx groundwork preview -s staging --save-plan/,
  );
});

test("an edited file is refused although it is edited to what would run now", () => {
  const [approved, now] = [planFrom([step({ a: 1 })]), planFrom([step({ a: 2 })])];
  const fresh = { file: () => ({ digest: digestOf(now, key), plan: now }), key };
  expect(() => assertApproved({ digest: digestOf(approved, key), plan: now }, fresh)).toThrow(/edited/);
  expect(() => assertApproved({ digest: digestOf(approved, key), plan: approved }, fresh)).toThrow(
    PlanChangedError,
  );
  expect(() => assertApproved({ digest: digestOf(approved, key) }, fresh)).toThrow(PlanChangedError);
  expect(() => assertApproved(fresh.file(), fresh)).not.toThrow();
});
