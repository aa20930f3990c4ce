/** `npm run docs`: writes everything of docs/ and schemas/ that is generated, and says what has changed. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "../common/project-root";
import { generatedDocs, generatedFolders } from "./generated-docs";

const root = projectRoot();
const files = generatedDocs(root);
let changed = 0;
const tell = (what: string, path: string): void => {
  changed += 1;
  console.log(`${what} ${path}`);
};
for (const folder of generatedFolders) {
  if (!existsSync(join(root, folder))) continue;
  for (const path of readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)) {
    if (path in files) continue;
    rmSync(join(root, path));
    tell("removed", path);
  }
}
for (const [path, text] of Object.entries(files)) {
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  tell("wrote", path);
}
console.log(`${Object.keys(files).length} generated files, ${changed} changed`);
