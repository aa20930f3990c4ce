// node examples/embed/deploy.mjs NAME FOLDER: previews, brings up, tells each step, looks for drift.
import { ConcurrentUpdateError, Environment, PolicyRefusedError, progressOf } from "groundwork/automation";

const [name, directory] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
const environment = await Environment.open(name, { directory });
try {
  const { unchanged } = await environment.preview({ signal: stop.signal });
  const options = { lockWait: 600_000, signal: stop.signal, log: console.error };
  const run = unchanged ? [] : environment.follow("up", options);
  for await (const event of run) {
    const { step } = progressOf(event) ?? {};
    if (step?.phase === "done") console.log(step.operation, step.name);
  }
  const { items } = await environment.drift();
  const [latest] = await environment.history(1);
  console.log(`${items.length} changed outside; the last run: ${latest.kind} ${latest.result}`);
} catch (error) {
  if (error instanceof ConcurrentUpdateError) console.error("at work:", error.holders);
  else if (error instanceof PolicyRefusedError) console.error("refused:", error.violations);
  else throw error;
  process.exitCode = 1;
}
