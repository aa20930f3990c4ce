/** `npm run docs`: writes the pages of docs/ that are generated. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "../common/project-root";
import { generatedSettingsFiles } from "../platform/settings/generated-files";
import { componentPages } from "./component-docs";

const folder = join(projectRoot(), "docs", "components");
const { pages } = componentPages(projectRoot());
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (!(name in pages)) rmSync(join(folder, name));
for (const [name, text] of Object.entries(pages)) writeFileSync(join(folder, name), text);
console.log(`docs/components: ${Object.keys(pages).length} pages`);

for (const [name, text] of Object.entries(generatedSettingsFiles())) {
  mkdirSync(dirname(join(projectRoot(), name)), { recursive: true });
  writeFileSync(join(projectRoot(), name), text);
  console.log(name);
}
