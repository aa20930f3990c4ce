import { parseHeaders } from "../../../../sandbox/edge/pages/headers-file";
import { parseRange } from "../../../../sandbox/edge/pages/range";
import { parseRedirects } from "../../../../sandbox/edge/pages/redirects-file";
import { resolvePath } from "../../../../sandbox/edge/pages/resolve";

describe("the file for a path", () => {
  const files = new Set([
    "/index.html",
    "/about.html",
    "/blog/index.html",
    "/blog/post.html",
    "/blog/404.html",
    "/both.html",
    "/both",
    "/app.js",
    "/docs.html",
    "/docs/index.html",
    "/404.html",
  ]);
  const without404 = new Set([...files].filter((file) => !file.endsWith("404.html")));

  test.each([
    ["/", "/index.html 200"],
    ["/index.html", "308 /"],
    ["/index", "308 /"],
    ["/index/", "308 /"],
    ["/about", "/about.html 200"],
    ["/about.html", "308 /about"],
    ["/about/", "308 /about"],
    ["/blog", "308 /blog/"],
    ["/blog/", "/blog/index.html 200"],
    ["/blog/index", "308 /blog/"],
    ["/blog/index.html", "308 /blog/"],
    ["/blog/post", "/blog/post.html 200"],
    ["/blog/post/", "308 /blog/post"],
    ["/both.html", "/both.html 200"],
    ["/both", "/both 200"],
    ["/docs", "/docs.html 200"],
    ["/docs/", "/docs/index.html 200"],
    ["/app.js", "/app.js 200"],
    ["/app.js/", "/404.html 404"],
    ["/none", "/404.html 404"],
    ["/none/deep/er.png", "/404.html 404"],
    ["/blog/none", "/blog/404.html 404"],
    ["/blog/none/x", "/blog/404.html 404"],
    ["/404", "/404.html 200"],
  ])("%s -> %s", (path, expected) => expect(said(path, files)).toBe(expected));

  test.each([
    ["/none", "/index.html 200"],
    ["/none/deep", "/index.html 200"],
    ["/none.js", "/index.html 200"],
    ["/about", "/about.html 200"],
  ])("without a 404.html, as a single-page application: %s -> %s", (path, expected) =>
    expect(said(path, without404)).toBe(expected),
  );

  test("a site without index.html and 404.html has nothing for a missing path", () => {
    expect(said("/x", new Set(["/a.css"]))).toBe("missing");
    expect(said("/", new Set(["/a.css"]))).toBe("missing");
  });

  function said(path: string, has: ReadonlySet<string>): string {
    const found = resolvePath(path, (name) => has.has(name));
    if (found.kind === "missing") return "missing";
    return found.kind === "redirect" ? `308 ${found.to}` : `${found.path} ${found.status}`;
  }
});

describe("_redirects", () => {
  const rules = parseRedirects(`
# comment
/home            /                    301
/once            /first
/once            /second
/blog/*          /news/:splat         302
/u/:name/p/:id   /people/:name?post=:id 303
/out/*           https://other.example/:splat 307
/app/*           /                    200
/caf%C3%A9       /coffee
/tea             /thé 308
/*.php           /gone/:splat
/blog/special    /special 301
/sale            /offers
`);

  test.each([
    ["/home", "301 /"],
    ["/home/", undefined],
    ["/once", "302 /first"],
    ["/blog/", "302 /news/"],
    ["/blog/a/b", "302 /news/a/b"],
    ["/blog", undefined],
    ["/u/ann/p/7", "303 /people/ann?post=7"],
    ["/u/ann/p/7/8", undefined],
    ["/out/x//y", "307 https://other.example/x/y"],
    ["/app/settings", "200 /"],
    ["/café", "302 /coffee"],
    ["/caf%c3%a9", "302 /coffee"],
    ["/tea", "308 /th%C3%A9"],
    ["/wp/x.php", "302 /gone/wp/x"],
    ["/blog/%2e%2e", "302 /news/.."],
    // Below the first line with a `*` each line waits for its turn.
    ["/blog/special", "302 /news/special"],
    ["/sale", "302 /offers"],
  ])("%s -> %s", (path, expected) => {
    const found = rules.find("site.example", path);
    expect(found === undefined ? undefined : `${found.status} ${found.to}`).toBe(expected);
  });

  test("never leads to another site by a doubled or a turned slash", () => {
    const open = parseRedirects("/go/* /:splat");
    expect(open.find("h", "/go//evil.example")?.to).toBe("/evil.example");
    expect(open.find("h", "/go/\\evil.example")?.to).toBe("/%5Cevil.example");
  });

  test("says which lines it leaves out and why", () => {
    expect(rules.problems).toEqual(["line 5: a second rule for this path"]);
    const wrong = parseRedirects(
      [
        "/a",
        "/a /b 404",
        "a /b",
        "/a b",
        "/a /b 301 x",
        "/a/*/b/* /c",
        "/:x/:x /c",
        "/a https://x.example 200",
        "/* /index.html 200",
        "/app/* /app/index 301",
        "/docs/ /docs/index.html 200",
      ].join("\n"),
    );
    expect(wrong.problems).toEqual([
      "line 1: expected: from to [status]",
      "line 2: the status must be one of 200, 301, 302, 303, 307, 308",
      "line 3: the first address must be a path",
      "line 4: the second address must be a path or start with https://",
      "line 5: expected: from to [status]",
      "line 6: not a pattern: one * at most, each placeholder once",
      "line 7: not a pattern: one * at most, each placeholder once",
      "line 8: status 200 serves paths of this site only",
      "line 9: an endless loop",
      "line 10: an endless loop",
      "line 11: an endless loop",
    ]);
    expect(wrong.find("h", "/x")).toBeUndefined();
  });

  test("has Cloudflare's limits", () => {
    const many = parseRedirects(
      [
        ...Array.from({ length: 2001 }, (_, index) => `/s${index} /x`),
        ...Array.from({ length: 99 }, (_, index) => `/d${index}/* /x`),
        "/late /x",
        "/later /x",
        "/latest /x",
      ].join("\n"),
    );
    expect(many.problems).toEqual([
      "line 2001: more than 2000 rules",
      "line 2102: more than 100 rules from the first one with * or placeholders on; this and all below are left out",
    ]);
    expect(many.find("h", "/s1999")).toBeDefined();
    expect(many.find("h", "/d98/x")).toBeDefined();
    expect(many.find("h", "/late")).toBeDefined();
    expect(many.find("h", "/later")).toBeUndefined();
    expect(many.find("h", "/latest")).toBeUndefined();
  });
});

describe("_headers", () => {
  const text = `
# comment
/*
  X-Frame-Options: DENY
  X-Robots-Tag: noindex
/static/*
  Cache-Control: public, max-age=31556952, immutable
  ! X-Content-Type-Options
  X-Robots-Tag: nosnippet
/u/:name
  X-User: hello :name
https://:project.pages.dev/*
  X-Project: :project
/cookies
  Set-Cookie: a=1
  Set-Cookie: b=2
`;
  const rules = parseHeaders(text);
  const applied = (host: string, path: string) => {
    const headers = {
      "cache-control": "public, max-age=0, must-revalidate",
      "x-content-type-options": "nosniff",
    };
    rules.apply(host, path, headers);
    return headers;
  };

  test.each([
    [
      "/",
      {
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex",
        "cache-control": "public, max-age=0, must-revalidate",
        "x-content-type-options": "nosniff",
      },
    ],
    [
      "/static/app.js",
      {
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex, nosnippet",
        "cache-control": "public, max-age=31556952, immutable",
      },
    ],
  ])("%s", (path, expected) => expect(applied("site.example", path)).toEqual(expected));

  test("placeholders in values, hosts in patterns, several cookies", () => {
    expect(applied("site.example", "/u/ann")).toMatchObject({ "x-user": "hello ann" });
    expect(applied("shop.pages.dev", "/")).toMatchObject({ "x-project": "shop" });
    expect(applied("site.example", "/")).not.toHaveProperty("x-project");
    expect(applied("site.example", "/cookies")).toMatchObject({ "set-cookie": ["a=1", "b=2"] });
  });

  test("says which lines it leaves out and why", () => {
    expect(rules.problems).toEqual([]);
    expect(
      parseHeaders("X-A: b\n/*\n  no colon\n  X-Empty:\n  bad name: x\n  ! bad name\n/*/*\n  X-B: c")
        .problems,
    ).toEqual([
      "line 1: a header without a path above it",
      "line 3: expected: Name: value",
      "line 4: a header without a value",
      "line 5: expected: Name: value",
      "line 6: not a header name",
      "line 7: not a path or https address: one * at most, each placeholder once",
      "line 8: a header without a path above it",
    ]);
    const many = Array.from({ length: 101 }, (_, index) => `/${index}\n  X-A: b`).join("\n");
    expect(parseHeaders(many).problems[0]).toBe("line 201: more than 100 rules");
  });
});

test.each([
  [undefined, undefined],
  ["bytes=0-9", { start: 0, end: 9 }],
  ["bytes=90-", { start: 90, end: 99 }],
  ["bytes=-10", { start: 90, end: 99 }],
  ["bytes=-1000", { start: 0, end: 99 }],
  ["bytes=50-1000", { start: 50, end: 99 }],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=9-0", undefined],
  ["bytes=0-1,5-6", undefined],
  ["lines=0-1", undefined],
  ["bytes=-", undefined],
])("the range %p of 100 bytes is %p", (header, expected) =>
  expect(parseRange(header, 100)).toEqual(expected),
);
