import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";

/** Runs the built command as its file does, and tells which files outside of it and which parts of its own Node.js has loaded at the end. */
function filesLoadedBy(...args: string[]): string[] {
  const script = `
    process.argv.splice(1, 0, "groundwork");
    process.once("exit", () => console.log("loaded " + JSON.stringify([...Object.keys(require.cache), ...process.moduleLoadList])));
    require("./bin/groundwork.js");
  `;
  const printed = execFileSync(process.execPath, ["--eval", script, "--", ...args], {
    cwd: projectRoot(),
    encoding: "utf8",
  });
  return JSON.parse(/^loaded (.*)$/m.exec(printed)?.[1] ?? "") as string[];
}

test("the command starts without the large libraries that it may never need", () => {
  const loaded = filesLoadedBy("preview", "--help");
  expect(loaded).toContainEqual(join(projectRoot(), "bin", "load-bundle.js"));
  expect(
    loaded.filter((file) => /node_modules.(@npmcli|normalize-package-data|typescript|pg)\b/.test(file)),
  ).toEqual([]);
  // What Node.js fetches with, which pg's own start would load.
  expect(loaded.filter((name) => name.includes("undici"))).toEqual([]);
});

test("a module that is loaded when it is first used is then as it is: members, default, callable", () => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- as the bundle is put together: plain JavaScript
  const { lazy } = require("../../bin/lazy.js") as {
    readonly lazy: (name: string) => Record<string, unknown>;
  };
  const arborist = lazy("@npmcli/arborist");
  expect(arborist["__esModule"]).toBe(true);
  expect(typeof arborist["Arborist"]).toBe("function");
  const normalize = lazy("normalize-package-data")["default"] as (data: object) => void;
  const data = { name: "one", version: "1.0.0", _id: "" };
  normalize(data);
  expect(data._id).toBe("one@1.0.0");
});
