import { setImmediate } from "node:timers/promises";
import { previewsAtOnce, Turns } from "../../automation/at-once";

const gigabyte = 2 ** 30;

test.each([
  ["two for each processor", 2, 24 * gigabyte, 4],
  ["what fits into memory", 64, 2 * gigabyte, 5],
  ["one at least", 2, 1, 1],
])("at once run %s", (_what, processors, memory, expected) => {
  expect(previewsAtOnce(processors, memory)).toBe(expected);
});

test("of fifty never more than the most are under way; all are done, in their order, also where some fail", async () => {
  const turns = new Turns(() => 3);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const all = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) =>
      turns.take(async () => {
        order.push(index);
        most = Math.max(most, (running += 1));
        await setImmediate();
        running -= 1;
        if (index % 7 === 0) throw new Error(`no ${index}`);
        return index;
      }),
    ),
  );
  expect(most).toBe(3);
  expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(42);
});

test("one who is called off while it waits goes at once and does nothing; its place is not lost", async () => {
  const turns = new Turns(() => 1);
  let end = (): void => {};
  const first = turns.take(() => new Promise<void>((resolve) => (end = resolve)));
  const calledOff = new AbortController();
  const work = jest.fn(() => Promise.resolve());
  const second = turns.take(work, calledOff.signal);
  const third = turns.take(() => Promise.resolve("third"));
  calledOff.abort(new Error("called off"));
  await expect(second).rejects.toThrow("called off");
  end();
  await first;
  await expect(third).resolves.toBe("third");
  expect(work).not.toHaveBeenCalled();
  await expect(turns.take(() => Promise.resolve("again"))).resolves.toBe("again");
});
