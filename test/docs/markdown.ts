import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";

/** Every page of the project, generated ones as well. */
export function pages(): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: projectRoot(),
    encoding: "utf8",
  });
  return listed.split("\n").filter((path) => path !== "");
}

export function page(path: string): string {
  return readFileSync(join(projectRoot(), path), "utf8");
}

/** The fenced blocks of a language, in their order. */
export function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)]
    .filter(([, name]) => name === language)
    .map(([, , code = ""]) => code);
}

/** The README's example after `<!-- example: NAME -->`. */
export function readmeExample(name: string): string {
  const [, after] = page("README.md").split(`<!-- example: ${name} -->`);
  const [code] = blocks(after ?? "", "ts");
  if (code === undefined) throw new Error(`README.md has no example of that name: ${name}`);
  return code;
}

/** The command lines of a page's `sh` blocks, without comments. */
export function commandLines(text: string): string[] {
  return blocks(text, "sh")
    .flatMap((block) => block.split("\n"))
    .map((line) => line.replace(/(?:^|\s+)#.*$/, "").trim())
    .filter((line) => line !== "");
}
