import type { Environment, RunOptions } from "../../automation/environment";
import { watchRehearsal } from "../../cli/rehearsal-watch";

type Event = Parameters<NonNullable<RunOptions["onEvent"]>>[0];

const before = (name: string, op: string): Event =>
  ({
    resourcePreEvent: {
      metadata: { op, urn: `urn:pulumi:dev::groundwork::a$command:remote:Command::${name}` },
    },
  }) as unknown as Event;

/** An environment whose host does not answer. */
function silent(migrations: object | undefined): { environment: Environment; asked: () => number } {
  let asked = 0;
  const api = { kind: "compose", project: "app", services: { api: { image: "v2" } }, migrations };
  const databases = { main: { kind: "container", project: "app" } };
  const environment = {
    name: "dev",
    config: () => Promise.resolve({ settings: { origins: { api }, databases } }),
    database: () => {
      asked += 1;
      return Promise.reject(new Error("the host cannot be reached\n  next: look"));
    },
  };
  return { environment: environment as unknown as Environment, asked: () => asked };
}

test("a host is asked only where migrations run again, and one that is silent keeps no preview back", async () => {
  const { asked, environment } = silent({ service: "api" });
  const idle = watchRehearsal(environment);
  for (const op of ["same", "create", "delete"]) idle.add(before("api-migrations", op));
  idle.add(before("api-rollout", "update"));
  expect(await idle.section()).toEqual({});
  expect(asked()).toBe(0);

  const migrating = watchRehearsal(environment);
  migrating.add(before("api-migrations", "update"));
  expect(await migrating.section()).toEqual({
    rehearsal: {
      state: "skipped",
      notes: ["what was rehearsed could not be asked: the host cannot be reached"],
    },
  });
  expect(asked()).toBe(1);
});
