/** What a Pages site answers for a path. */
export type Resolved =
  | { readonly kind: "file"; readonly path: string; readonly status: 200 | 404 }
  /** The canonical address of a file, 308. */
  | { readonly kind: "redirect"; readonly to: string }
  | { readonly kind: "missing" };

/**
 * Finds a file as Pages does: `/about` is about.html, `/about/` about/index.html, addresses with `.html` or `/index`
 * are redirected to the short ones, what is missing gets the nearest 404.html, and a site without one is a
 * single-page application.
 *
 * @param path decoded, with a leading slash
 * @param has whether the site has a file of this path
 */
export function resolvePath(path: string, has: (path: string) => boolean): Resolved {
  const file = (name: string): Resolved => ({ kind: "file", path: name, status: 200 });
  const redirect = (to: string): Resolved => ({ kind: "redirect", to });

  if (path.endsWith("/")) {
    if (has(`${path}index.html`)) return file(`${path}index.html`);
    if (path.endsWith("/index/")) return redirect(path.slice(0, -"index/".length));
    if (path !== "/" && has(`${path.slice(0, -1)}.html`)) return redirect(path.slice(0, -1));
    return missing(path, has);
  }
  if (has(path)) {
    if (!path.endsWith(".html")) return file(path);
    const short = path.slice(0, -".html".length);
    if (short.endsWith("/index")) return redirect(short.slice(0, -"index".length));
    // The short address would be another file's, or the folder's.
    return short.endsWith("/") || has(short) ? file(path) : redirect(short);
  }
  if (path.endsWith("/index") && has(`${path}.html`)) return redirect(path.slice(0, -"index".length));
  if (has(`${path}.html`)) return file(`${path}.html`);
  if (has(`${path}/index.html`)) return redirect(`${path}/`);
  return missing(path, has);
}

function missing(path: string, has: (path: string) => boolean): Resolved {
  for (let folder = path; folder !== "";) {
    folder = folder.slice(0, folder.lastIndexOf("/"));
    if (has(`${folder}/404.html`)) return { kind: "file", path: `${folder}/404.html`, status: 404 };
  }
  return has("/index.html") ? { kind: "file", path: "/index.html", status: 200 } : { kind: "missing" };
}
