import { randomBytes } from "node:crypto";
import { ConfigError, readConfig, type Environment } from "../../../../examples/streampai/api/config";
import { corsHeaders, isAllowedOrigin } from "../../../../examples/streampai/api/cors";
import { createLog, secretsOf } from "../../../../examples/streampai/api/log";
import { validateDraft, validatePage } from "../../../../examples/streampai/api/messages";
import { Problem } from "../../../../examples/streampai/api/problem";
import { Sessions } from "../../../../examples/streampai/api/session";

const key = randomBytes(32).toString("hex");
const good: Environment = {
  DATABASE_URL: "postgresql://app:word@db:5432/streampai",
  SECRET_KEY_BASE: key,
  PHX_HOST: "streampai.com",
};

function problemsOf(env: Environment): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("readConfig", () => {
  it("fills in what is not said", () => {
    expect(readConfig(good)).toEqual({
      port: 4000,
      tls: undefined,
      host: "0.0.0.0",
      databaseUrl: good["DATABASE_URL"],
      secretKeyBase: key,
      corsOrigins: ["https://streampai.com"],
      cookieDomain: undefined,
      release: "unreleased",
      drainSeconds: 20,
    });
  });

  it("reads everything", () => {
    const config = readConfig({
      ...good,
      DATABASE_URL: "ecto://app:word@db/streampai",
      PORT: "8080",
      HOST: "127.0.0.1",
      CORS_ORIGIN: "https://a.example/, http://b.example:3000",
      COOKIE_DOMAIN: "example.com",
      RELEASE_ID: "r-1",
      DRAIN_SECONDS: "5",
      TLS_CERT_FILE: "/c",
      TLS_KEY_FILE: "/k",
      TLS_PORT: "8443",
    });
    expect(config).toEqual({
      port: 8080,
      tls: { port: 8443, certFile: "/c", keyFile: "/k" },
      host: "127.0.0.1",
      databaseUrl: "postgresql://app:word@db/streampai",
      secretKeyBase: key,
      corsOrigins: ["https://a.example", "http://b.example:3000"],
      cookieDomain: ".example.com",
      release: "r-1",
      drainSeconds: 5,
    });
  });

  it("lists everything that is missing at once", () => {
    expect(problemsOf({ PORT: "high" })).toEqual([
      "DATABASE_URL is missing: postgresql://user:password@host:5432/database",
      "SECRET_KEY_BASE is missing: it signs session cookies",
      "PORT must be a whole number from 0 to 65535",
      "CORS_ORIGIN is missing (and PHX_HOST to derive it from): https://streampai.com",
    ]);
  });

  it.each([
    ["DATABASE_URL", "mysql://a:canary@b/c", "DATABASE_URL is not a PostgreSQL address"],
    ["DATABASE_URL", "postgresql://a:canary@b", "DATABASE_URL is not a PostgreSQL address"],
    ["SECRET_KEY_BASE", "canary", "SECRET_KEY_BASE is too short"],
    ["PORT", "70000", "PORT must be a whole number"],
    ["DRAIN_SECONDS", "-1", "DRAIN_SECONDS must be a whole number"],
    ["CORS_ORIGIN", "*", "CORS_ORIGIN must list origins"],
    ["CORS_ORIGIN", "https://a.example/path", "CORS_ORIGIN must list origins"],
    ["COOKIE_DOMAIN", "localhost", "COOKIE_DOMAIN must be a domain"],
    ["TLS_CERT_FILE", "/c", "TLS_CERT_FILE and TLS_KEY_FILE go together"],
  ])("refuses %s=%s without repeating it", (name, value, message) => {
    const problems = problemsOf({ ...good, [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
    expect(problems[0]).not.toContain("canary");
  });
});

describe("CORS", () => {
  it.each([
    ["https://streampai.com", ["https://streampai.com"], true],
    ["https://streampai.com", ["https://other.com", "https://streampai.com"], true],
    ["https://streampai.com.evil.com", ["https://streampai.com"], false],
    ["https://evil-streampai.com", ["https://streampai.com"], false],
    ["http://streampai.com", ["https://streampai.com"], false],
    ["https://streampai.com:8443", ["https://streampai.com"], false],
    ["https://streampai.com:8443", ["https://streampai.com:*"], true],
    ["https://streampai.localhost:8443", ["https://streampai.localhost"], true],
    ["https://evil.localhost:8443", ["https://streampai.localhost"], false],
    ["null", ["https://streampai.com"], false],
  ])("%s of %j: %s", (origin, allowed, expected) => {
    expect(isAllowedOrigin(origin, allowed)).toBe(expected);
  });

  it("tells a stranger nothing, and caches by origin all the same", () => {
    expect(corsHeaders("https://evil.com", ["https://streampai.com"])).toEqual({ vary: "Origin" });
    expect(corsHeaders(undefined, ["https://streampai.com"])).toEqual({ vary: "Origin" });
  });
});

describe("Sessions", () => {
  const sessions = new Sessions(key, ".streampai.com");

  it("reads back its own cookie among others", () => {
    const { id, setCookie } = sessions.create();
    const pair = setCookie.split(";")[0]!;
    expect(sessions.read(`theme=dark; ${pair}; other=1`)).toBe(id);
    expect(setCookie).toBe(
      `${pair}; Domain=.streampai.com; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=None`,
    );
  });

  it("refuses a cookie that was changed, cut or signed by another key", () => {
    const pair = sessions.create().setCookie.split(";")[0]!;
    expect(sessions.read(pair.replace("=", "=x"))).toBeUndefined();
    expect(sessions.read(pair.slice(0, -1))).toBeUndefined();
    expect(new Sessions(randomBytes(32).toString("hex"), undefined).read(pair)).toBeUndefined();
    expect(sessions.read("streampai_session=")).toBeUndefined();
    expect(sessions.read(undefined)).toBeUndefined();
  });

  it("shows others a name that is not the session", () => {
    const { id } = sessions.create();
    expect(sessions.publicId(id)).toHaveLength(12);
    expect(id).not.toContain(sessions.publicId(id));
    expect(sessions.publicId(id)).toBe(sessions.publicId(id));
  });
});

describe("the log", () => {
  it("writes one JSON object a line and no secret, in whatever form", () => {
    const password = `p"%${randomBytes(6).toString("hex")}/`;
    const databaseUrl = `postgresql://app:${encodeURIComponent(password)}@db/streampai`;
    const lines: string[] = [];
    const log = createLog(secretsOf({ databaseUrl, secretKeyBase: key }), (line) => lines.push(line));
    log.info("one", { databaseUrl, key });
    log.error("two", new Error(`cannot reach ${databaseUrl} with ${password}`));
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ time: expect.any(String) as string });
      for (const secret of [
        password,
        encodeURIComponent(password),
        key,
        JSON.stringify(password).slice(1, -1),
      ]) {
        expect(line).not.toContain(secret);
      }
    }
    expect(lines[1]).toContain("cannot reach [secret] with [secret]");
  });
});

describe("validateDraft", () => {
  it("trims, and keeps what people write", () => {
    expect(validateDraft({ author: " Zoë ", body: "two\r\nlines 👩‍👩‍👧 <b>&" })).toEqual({
      author: "Zoë",
      body: "two\nlines 👩‍👩‍👧 <b>&",
    });
    expect(validateDraft({ author: "a", body: "🎉".repeat(500) }).body).toHaveLength(1000);
  });

  it.each([
    [{}, { author: "is missing", body: "is missing" }],
    [{ author: 1, body: "b" }, { author: "must be a string" }],
    [{ author: "a", body: " \n " }, { body: "must not be empty" }],
    [{ author: "a".repeat(41), body: "b" }, { author: "must be at most 40 characters, is 41" }],
    [{ author: "a", body: "b".repeat(501) }, { body: "must be at most 500 characters, is 501" }],
    [{ author: "a\nb", body: "b" }, { author: "must not hold control characters" }],
    [{ author: "a", body: "b\u0000" }, { body: "must not hold control characters" }],
    [{ author: "a", body: "b\ud800" }, { body: "must not hold control characters" }],
    [{ author: "a", body: "b", admin: true }, { admin: "is not known: author and body are" }],
  ])("refuses %j", (draft, fields) => {
    const problem = problemOf(() => validateDraft(draft));
    expect(problem.status).toBe(422);
    expect(problem.fields).toEqual(fields);
  });

  it.each([null, "text", 3, []])("refuses %j, which is no object", (value) => {
    expect(problemOf(() => validateDraft(value)).code).toBe("invalid_message");
  });
});

describe("validatePage", () => {
  it("has a default and takes both parameters", () => {
    expect(validatePage(new URLSearchParams())).toEqual({ limit: 50, before: undefined });
    expect(validatePage(new URLSearchParams("limit=7&before=9"))).toEqual({ limit: 7, before: 9 });
  });

  it.each(["limit=0", "limit=101", "limit=1e1", "limit=", "before=-1", "before=99999999999999999999"])(
    "refuses %s",
    (query) => {
      expect(problemOf(() => validatePage(new URLSearchParams(query))).status).toBe(400);
    },
  );
});
