import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Project } from "ts-morph";
import { projectRoot } from "../../common/project-root";
import { componentPages } from "../../scripts/component-docs";

jest.setTimeout(180_000);

const root = projectRoot();
const { pages, examples } = componentPages(root);

test("the pages of docs/components are up to date (npm run docs)", () => {
  const folder = join(root, "docs", "components");
  expect(readdirSync(folder).sort()).toEqual(Object.keys(pages).sort());
  for (const [name, text] of Object.entries(pages)) {
    expect({ name, text: readFileSync(join(folder, name), "utf8") }).toEqual({ name, text });
  }
});

test("each component has a smallest and a full example", () => {
  const counts = new Map<string, number>();
  for (const { component } of examples) counts.set(component, (counts.get(component) ?? 0) + 1);
  for (const [component, count] of counts) {
    expect({ component, enough: count >= (component === "RemoteHost" ? 1 : 2) }).toEqual({
      component,
      enough: true,
    });
  }
  expect(counts.size).toBe(12);
});

test("every optional argument says what happens without it", () => {
  const silent = Object.entries(pages).flatMap(([name, text]) =>
    text
      .slice(0, text.indexOf("## Outputs") === -1 ? undefined : text.indexOf("## Outputs"))
      .split("\n")
      .filter((line) => /^\| `/.test(line) && / \|  \| /.test(line))
      .map((line) => `${name}: ${line}`),
  );
  expect(silent).toEqual([]);
});

test("every example compiles", () => {
  const project = new Project({
    tsConfigFilePath: join(root, "tsconfig.json"),
    skipAddingFilesFromTsConfig: true,
  });
  const files = examples.map(({ component, code }, index) =>
    project.createSourceFile(join(root, `example-${index + 1}-${component}.ts`), code),
  );
  const problems = files.flatMap((file) =>
    file
      .getPreEmitDiagnostics()
      .map(
        (problem) =>
          `${file.getBaseName()}:${problem.getLineNumber() ?? 0} ${JSON.stringify(problem.getMessageText())}`,
      ),
  );
  expect(problems).toEqual([]);
});
