import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { imageEdits } from "../../../automation/release/images";
import { digestAtRegistry, parseReference } from "../../../automation/release/registry";
import { timestamp } from "../../../automation/release/release";
import type { OriginReleases } from "../../../automation/releases";
import { type Settings, validateStackFile } from "../../../platform/settings";
import { originWith, stackText } from "../../platform/settings/stack-text";

const digest = `sha256:${"a".repeat(64)}`;

function settingsOf(text: string, stack: string): Settings {
  const result = validateStackFile(
    { file: "Pulumi.yaml", text: stackText(text), stack },
    { secrets: "optional" },
  );
  if ("issues" in result) throw new Error(JSON.stringify(result.issues));
  return result.settings;
}

const external = (image: string): string => `
groundwork:origins:
  api: { kind: external, platform: fly, target: api.fly.dev, hostnames: [api.acme.example], image: "${image}", releaseCommand: flyctl deploy }
`;

const never = (): Promise<string> => Promise.reject(new Error("must not be asked"));

const releases = (image: string, state: "active" | "kept" = "active"): OriginReleases[] => [
  {
    origin: "api",
    project: "acme",
    releases: [{ id: "a", number: 1, at: "", state, images: { api: image, other: image }, breaking: false }],
  },
];

describe("images that are promoted", () => {
  const target = settingsOf(originWith(""), "prod");
  const before = settingsOf(originWith(""), "staging");

  test("of an origin on a host: what its active release runs, for services that both have", async () => {
    expect(await imageEdits(before, target, releases(`acme/api@${digest}`), never)).toEqual([
      {
        path: ["groundwork:origins", "api", "services", "api", "image"],
        name: "api.api",
        from: undefined,
        to: `acme/api@${digest}`,
      },
    ]);
    expect(await imageEdits(before, target, releases(`acme/api@${digest}`, "kept"), never)).toEqual([]);
  });

  test("of an origin at a platform: the digest of its tag, asked once", async () => {
    const asked: string[] = [];
    const edits = await imageEdits(
      settingsOf(external("registry.fly.io/staging:main"), "staging"),
      settingsOf(external("registry.fly.io/prod:1"), "prod"),
      [],
      (reference, platform) => {
        asked.push(`${reference} ${platform}`);
        return Promise.resolve(`registry.fly.io/staging@${digest}`);
      },
    );
    expect(asked).toEqual(["registry.fly.io/staging:main fly"]);
    expect(edits.map(({ path, to }) => [path.join("."), to])).toEqual([
      ["groundwork:origins.api.image", `registry.fly.io/staging@${digest}`],
    ]);
  });

  test("nothing where it is the same already", async () => {
    const same = settingsOf(external(`registry.fly.io/staging@${digest}`), "prod");
    expect(await imageEdits(same, same, [], never)).toEqual([]);
  });
});

describe("the digest of a tag", () => {
  const password = "not-a-real-one";
  const seen: IncomingMessage[] = [];
  let server: Server;
  let host: string;

  // As the registry's protocol has it: refused first, then with a token that its authority gives for the login.
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request);
      const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
      const basic = `Basic ${Buffer.from(`x:${password}`).toString("base64")}`;
      if (pathname === "/token") {
        const allowed =
          request.headers.authorization === basic || searchParams.get("scope")?.includes("open/");
        response.end(
          JSON.stringify(allowed === true ? { token: `for ${searchParams.get("scope") ?? ""}` } : {}),
        );
        return;
      }
      const repository = /^\/v2\/(.+)\/manifests\/main$/.exec(pathname)?.[1];
      if (request.headers.authorization !== `Bearer for repository:${repository ?? ""}:pull`) {
        response.writeHead(401, {
          "www-authenticate": `Bearer realm="http://${host}/token",service="registry"`,
        });
        response.end();
        return;
      }
      response.writeHead(200, { "docker-content-digest": digest }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test("is told with a login, which goes to the authority and to nobody else", async () => {
    const found = await digestAtRegistry(`${host}/acme/api:main`, { username: "x", password });
    expect(found).toBe(`${host}/acme/api@${digest}`);
    const shown = seen
      .filter(({ headers }) => headers.authorization?.startsWith("Basic"))
      .map(({ url }) => url);
    expect(shown).toEqual([expect.stringMatching(/^\/token\?/)]);
    expect(seen.every(({ method }) => method === "HEAD" || method === "GET")).toBe(true);
  });

  test("is told without one where everybody may", async () => {
    expect(await digestAtRegistry(`${host}/open/api:main`)).toBe(`${host}/open/api@${digest}`);
  });

  test("is refused with what to do, and never with the password", async () => {
    const error: unknown = await digestAtRegistry(`${host}/acme/api:main`, {
      username: "y",
      password,
    }).catch((problem: unknown) => problem);
    expect(String(error)).toMatch(/does not tell the digest[^]*status 401[^]*next:/);
    expect(String(error)).not.toContain(password);
  });

  test.each([
    ["postgres", "registry-1.docker.io", "library/postgres", "latest"],
    ["acme/api:1", "registry-1.docker.io", "acme/api", "1"],
    ["ghcr.io/acme/web/api", "ghcr.io", "acme/web/api", "latest"],
    ["localhost:5000/api:2", "localhost:5000", "api", "2"],
  ])("%s is asked for at %s as %s, tag %s", (reference, at, repository, tag) => {
    expect(parseReference(reference)).toMatchObject({ host: at, repository, tag });
  });
});

test("a tag's time is UTC and sorts by itself", () => {
  expect(timestamp(new Date("2026-01-31T09:05:07.123Z"))).toBe("2026-01-31-090507");
});
