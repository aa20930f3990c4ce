import { reportText } from "../../report";
import { eventOf, reportOf } from "./events";

const stack = { name: "groundwork-staging", type: "pulumi:pulumi:Stack", custom: false };
const told = (
  op: string,
  before?: Readonly<Record<string, number>>,
  after?: Readonly<Record<string, number>>,
) => {
  const step = {
    ...{ ...stack, op },
    ...(before === undefined ? {} : { beforeOutputs: { costs: before } }),
    ...(after === undefined ? {} : { afterOutputs: { costs: after } }),
  };
  return [eventOf(step, "planned"), ...(after === undefined ? [] : [eventOf(step, "done")])];
};

test("what changes is a line each, and the sums are those of all", () => {
  const { cost } = reportOf(told("same", { fly: 10, neon: 5, old: 2 }, { fly: 15, neon: 5, queue: 1.5 }));
  expect(cost).toEqual({
    currency: "USD",
    before: 17,
    after: 21.5,
    lines: [
      { what: "fly", before: 10, after: 15 },
      { what: "old", before: 2 },
      { what: "queue", after: 1.5 },
    ],
  });
});

test("a text tells it as money", () => {
  const text = reportText(reportOf(told("same", { fly: 10 }, { fly: 12.5 })));
  expect(text).toContain("cost: $10.00 → $12.50 a month (+$2.50)");
  expect(text).toContain("fly: $10.00 → $12.50");
});

test("a stack that is new costs nothing before, one that goes nothing after", () => {
  expect(reportOf(told("create", undefined, { fly: 10 })).cost).toMatchObject({ before: 0, after: 10 });
  expect(reportOf(told("delete", { fly: 10 })).cost).toMatchObject({ before: 10, after: 0 });
});

test("what is as before is told as one sum; a bucket that is new as priced by its use", () => {
  expect(reportOf(told("same", { fly: 10 }, { fly: 10 })).cost).toMatchObject({
    before: 10,
    after: 10,
    lines: [],
  });
  const bucket = eventOf({
    ...{ op: "create", name: "media", type: "cloudflare:index/r2Bucket:R2Bucket", after: { name: "media" } },
  });
  expect(reportOf([bucket, ...told("same", {}, {})]).cost?.lines).toMatchObject([
    { after: 0, note: "free up to 10 GB of the account, then $0.015 a GB" },
  ]);
});

test("nothing is told where nothing has a price, and where a run did not come to its outputs", () => {
  expect(reportOf(told("same", {}, {})).cost).toBeUndefined();
  expect(
    reportOf([eventOf({ ...stack, op: "same", beforeOutputs: { costs: { fly: 1 } } })]).cost,
  ).toBeUndefined();
});
