import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { UserError } from "../../common/user-error";

export interface BuildSiteOptions {
  /** Folder to write; what it held before is removed. */
  readonly outDirectory: string;
  /** Where browsers find the API: an origin, with a port where it is not the usual one. */
  readonly apiUrl: string;
}

/**
 * Builds the sample site: assets named after their content, the API's address and a Content-Security-Policy that
 * allows just that address. The same sources and address give the same bytes. There is no `404.html`, so that Pages
 * serves `index.html` for every path.
 *
 * @returns the files written, relative to the folder, sorted
 * @throws UserError when the address is not an http(s) origin
 * @example buildSite({ outDirectory: ".groundwork/site", apiUrl: "https://api.streampai.com" })
 */
export function buildSite({ outDirectory, apiUrl }: BuildSiteOptions): string[] {
  const api = parseOrigin(apiUrl);
  const source = join(projectRoot(), "examples", "streampai", "site");
  rmSync(outDirectory, { recursive: true, force: true });
  mkdirSync(join(outDirectory, "assets"), { recursive: true });

  let page = readFileSync(join(source, "index.html"), "utf8");
  const written = ["_headers", "favicon.svg", "index.html"];
  for (const asset of ["app.js", "style.css"]) {
    const content = readFileSync(join(source, asset));
    const name = hashedName(asset, content);
    writeFileSync(join(outDirectory, "assets", name), content);
    page = replaceOnce(page, `/assets/${asset}`, `/assets/${name}`);
    written.push(`assets/${name}`);
  }
  page = replaceOnce(page, "%API_URL%", api.origin);
  writeFileSync(join(outDirectory, "index.html"), page);
  cpSync(join(source, "favicon.svg"), join(outDirectory, "favicon.svg"));
  const headers = readFileSync(join(source, "_headers"), "utf8");
  const socketOrigin = api.origin.replace(/^http/, "ws");
  writeFileSync(
    join(outDirectory, "_headers"),
    replaceOnce(headers, "%CONNECT%", `'self' ${api.origin} ${socketOrigin}`),
  );
  return written.sort();
}

function parseOrigin(value: string): URL {
  const problem = new UserError({
    what: "the address of the API is not an origin",
    value,
    allowed: "https://api.streampai.com, with a port if need be and nothing after it",
  });
  if (!URL.canParse(value)) throw problem;
  const url = new URL(value);
  const isOrigin = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!/^https?:$/.test(url.protocol) || !isOrigin) throw problem;
  return url;
}

function hashedName(name: string, content: Buffer): string {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10);
  const extension = extname(name);
  return `${basename(name, extension)}.${hash}${extension}`;
}

function replaceOnce(text: string, search: string, replacement: string): string {
  if (text.split(search).length !== 2) throw new Error(`expected "${search}" exactly once`);
  return text.replace(search, () => replacement);
}
