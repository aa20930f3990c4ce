import { isOfAccess, whatIsWrong } from "../../../components/access/check-access";
import { accessQuestions, isPublic } from "../../../components/access/questions";

const asked = (publicPaths: string[], more: object = {}) =>
  accessQuestions({ hostnames: ["a.example", "b.example"], publicPaths, ...more }).map(
    ({ method, host, path, as, wanted }) => `${method} ${host}${path} ${as}: ${wanted}`,
  );

test("without a login: each host, what is beside each public path, the way out of it, and the path itself", () => {
  expect(asked(["a.example/health", "b.example/icons/*"])).toEqual([
    "GET a.example/ without a login: closed",
    "GET a.example/groundwork-access-check without a login: closed",
    "GET a.example/health-groundwork-access-check without a login: closed",
    "GET b.example/ without a login: closed",
    "GET b.example/groundwork-access-check without a login: closed",
    "GET b.example/icons without a login: closed",
    "GET a.example/health without a login: open",
    "GET b.example/icons/groundwork-access-check without a login: open",
    "GET a.example/health/%2e%2e/groundwork-access-check without a login: closed",
    "GET b.example/icons/groundwork-access-check/%2e%2e/groundwork-access-check without a login: open",
  ]);
});

test("a neighbour that is public itself is not asked for a login", () => {
  const all = asked(["a.example/icons", "a.example/icons/*"]);
  expect(all).not.toContain("GET a.example/icons without a login: closed");
  expect(all).toContain("GET a.example/icons without a login: open");
});

test("with a token: every closed path is open; with a wrong one no host is", () => {
  const token = { clientId: "id.access", clientSecret: "secret" };
  const questions = accessQuestions({ hostnames: ["a.example"], token });
  expect(questions.map(({ path, as, wanted }) => [path, as, wanted])).toEqual([
    ["/", "without a login", "closed"],
    ["/groundwork-access-check", "without a login", "closed"],
    ["/", "with the service token", "open"],
    ["/groundwork-access-check", "with the service token", "open"],
    ["/", "with a wrong service token", "closed"],
  ]);
  expect(questions.map(({ headers }) => headers["CF-Access-Client-Secret"])).toEqual([
    undefined,
    undefined,
    "secret",
    "secret",
    "000000",
  ]);
});

test("preflights come from a page of another host, and pages with cookies are asked both ways", () => {
  const cors = [{ page: "a.example", api: "b.example", path: "/me" }];
  const token = { clientId: "id.access", clientSecret: "secret" };
  const all = asked([], { preflight: true, cors, token });
  expect(all.slice(-4)).toEqual([
    "OPTIONS a.example/ as the preflight of a page of b.example: open",
    "OPTIONS b.example/ as the preflight of a page of a.example: open",
    "OPTIONS b.example/me as the preflight of a page of a.example: open",
    "GET b.example/me with the service token, from a page of a.example: open",
  ]);
});

test.each([
  ["/health", true],
  ["/health/deep", true],
  ["/healthy", false],
  ["/icons", false],
  ["/icons/", false],
  ["/icons/a/b.png", true],
  ["/v1.json", true],
  ["/v.xml", false],
])("%s is public: %s", (path, expected) => {
  expect(isPublic("a.example", path, ["a.example/health", "a.example/icons/*", "a.example/v*.json"])).toBe(
    expected,
  );
});

const login = "https://team.cloudflareaccess.com/cdn-cgi/access/login/a.example?kid=x";
test.each<[string, number, Record<string, string>, string, string | undefined]>([
  ["a login", 302, { location: login }, "", "asks for a login"],
  ["a redirect of the origin's own", 302, { location: "https://a.example/login" }, "", undefined],
  [
    "a redirect to a look-alike",
    302,
    { location: "https://team.cloudflareaccess.com.evil.example/cdn-cgi/access/login" },
    "",
    undefined,
  ],
  ["a refusal of Access", 403, { "cf-access-aud": "x" }, "", "refuses with 403"],
  ["a page of Access", 401, {}, "Cloudflare Access", "refuses with 401"],
  ["a refusal of the origin's own", 401, { "www-authenticate": "Bearer" }, "log in", undefined],
  ["an answer", 200, {}, "Cloudflare Access", undefined],
])("whose answer it is: %s", (_what, status, headers, body, expected) => {
  expect(isOfAccess({ status, headers, body })).toBe(expected);
});

test("what is wrong is told with what came instead", () => {
  const answer = { status: 200, headers: {}, body: "" };
  expect(whatIsWrong({ wanted: "closed" }, answer)).toBe(
    "is open: it answers 200, and Access asked for nothing",
  );
  expect(whatIsWrong({ wanted: "open" }, { ...answer, status: 302, headers: { location: login } })).toBe(
    "is closed: Access asks for a login",
  );
  const page = { wanted: "open", page: "a.example" } as const;
  expect(whatIsWrong(page, answer)).toContain("access-control-allow-origin is not there");
  const allowed = { "access-control-allow-origin": "https://a.example" };
  expect(whatIsWrong(page, { ...answer, headers: { "access-control-allow-origin": "*" } })).toContain(
    "is *, not",
  );
  expect(whatIsWrong(page, { ...answer, headers: allowed })).toContain("with cookies");
  expect(
    whatIsWrong(page, { ...answer, headers: { ...allowed, "access-control-allow-credentials": "true" } }),
  ).toBeUndefined();
});
