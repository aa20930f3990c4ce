import type { Engine } from "../../../sandbox/engine/engine";
import { engineVariables } from "../../../sandbox/engine/variables";

const engine: Engine = { pulumi: "/e/bin/pulumi", binDirectory: "/e/bin", version: "3.1.0", source: "cache" };
const own = process.env["GOGC"];
afterEach(() => {
  if (own === undefined) delete process.env["GOGC"];
  else process.env["GOGC"] = own;
});

test("Go's collector is told to let more gather, unless somebody has told it something else", () => {
  delete process.env["GOGC"];
  expect(engineVariables(engine)["GOGC"]).toBe("400");
  process.env["GOGC"] = "50";
  expect(engineVariables(engine)["GOGC"]).toBe("50");
  expect(engineVariables(engine, { GOGC: "off" })["GOGC"]).toBe("off");
});

test("the engine's folder is first on PATH, before what is given; whoever sets anything else is heard", () => {
  expect(engineVariables(engine, { PATH: "/given", PULUMI_HOME: "/home" })).toMatchObject({
    PATH: "/e/bin:/given",
    PULUMI_HOME: "/home",
    PULUMI_SKIP_UPDATE_CHECK: "1",
  });
  expect(engineVariables(engine)["PATH"]).toBe(`/e/bin:${process.env["PATH"] ?? ""}`);
});
