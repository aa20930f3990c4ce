import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Logins, pendingPins, pinsFile, userId } from "../../../../sandbox/edge/access/logins";
import { type AccessClaims, SigningKey } from "../../../../sandbox/edge/access/signing-key";

let directory: string;
let clock = Date.parse("2026-01-01T00:00:00Z");
const now = () => clock;
const minute = 60_000;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "access-kept-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const identity = { email: "ann@example.com", idp: { id: "pin", type: "onetimepin" }, organizations: [] };

test("a token is good from its first second to its last, and by this key only", async () => {
  const key = await SigningKey.open(directory);
  const seconds = clock / 1000;
  const claims: AccessClaims = {
    type: "app",
    aud: ["aud"],
    iss: "https://team.cloudflareaccess.com",
    sub: "",
    iat: seconds,
    nbf: seconds,
    exp: seconds + 60,
  };
  const token = key.sign(claims);
  expect(key.read(token, clock)).toEqual(claims);
  expect(key.read(token, clock + minute - 1)).toEqual(claims);
  expect(key.read(token, clock + minute)).toBeUndefined();
  expect(key.read(token, clock - 1)).toBeUndefined();
  const again = await SigningKey.open(directory);
  expect(again.read(token, clock)).toEqual(claims);
  const other = await SigningKey.open(join(directory, "other"));
  expect(other.read(token, clock)).toBeUndefined();
  expect((await stat(join(directory, "signing-key.json"))).mode & 0o777).toBe(0o600);
});

test("a session survives a restart, ends in time, and lasts as long as its longest token", async () => {
  const logins = await Logins.open(directory, now);
  const session = logins.start(identity, "192.0.2.1", clock + 10 * minute);
  logins.extend(session, clock + 20 * minute);
  logins.extend(session, clock + 5 * minute);
  const again = await Logins.open(directory, now);
  clock += 20 * minute - 1;
  expect(again.session(session.nonce)?.identity).toEqual(identity);
  clock += 1;
  expect(again.session(session.nonce)).toBeUndefined();
});

test("a PIN waits for ten minutes in a file of the owner's", async () => {
  const logins = await Logins.open(directory, now);
  logins.makePin("state", "ann@example.com", "Staging");
  const [pending] = await pendingPins(directory, clock);
  expect(pending).toMatchObject({ email: "ann@example.com", application: "Staging" });
  expect(pending!.pin).toMatch(/^\d{6}$/);
  expect((await stat(pinsFile(directory))).mode & 0o777).toBe(0o600);
  clock += 10 * minute;
  expect(await pendingPins(directory, clock)).toEqual([]);
  expect(logins.usePin("state", pending!.pin)).toBeUndefined();
});

test("a handover is for one host, once, and for a minute", async () => {
  const logins = await Logins.open(directory, now);
  const handover = { host: "a.example", cookie: "c", next: "https://a.example/" };
  const code = logins.handOver(handover);
  expect(logins.takeOver(code, "b.example")).toBeUndefined();
  expect(logins.takeOver(code, "a.example")).toEqual(handover);
  expect(logins.takeOver(code, "a.example")).toBeUndefined();
  const late = logins.handOver(handover);
  clock += minute;
  expect(logins.takeOver(late, "a.example")).toBeUndefined();
});

test("who logs out ends all that they have open, and nobody else's", async () => {
  const logins = await Logins.open(directory, now);
  const mine = [1, 2].map(() => logins.start(identity, "192.0.2.1", clock + minute));
  const other = logins.start({ ...identity, email: "bob@example.com" }, "192.0.2.1", clock + minute);
  logins.end(mine[0]!);
  expect(mine.map(({ nonce }) => logins.session(nonce))).toEqual([undefined, undefined]);
  expect(logins.session(other.nonce)).toBeDefined();
  expect(await readFile(join(directory, "sessions.json"), "utf8")).not.toContain("ann@example.com");
});

test("somebody's id is the same for the same address", () => {
  expect(userId("Ann@Example.com")).toBe(userId("ann@example.com"));
  expect(userId("ann@example.com")).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});
