/** Access in front of a zone's hosts as `groundwork:access` says it. Pure. */
import { type Described, isBelow } from "./described";
import type { Live, LiveApplication, LivePolicy, LiveProvider, LiveSelector } from "./live";

type Who = Partial<Record<"emails" | "emailDomains", string[]>> & { github?: Record<string, unknown> };

/** The applications that the settings stand for, in the order in which the component makes them. */
export interface AdoptedAccess {
  readonly settings: Record<string, unknown>;
  readonly protectedId: string;
  readonly publicIds: readonly string[];
}

export function describeAccess(live: Live): Described<AdoptedAccess | undefined> {
  const { name: domain } = live.zone;
  const remarks: string[] = [];
  const remark = ({ name }: LiveApplication, why: string) =>
    remarks.push(`Access application ${name}: ${why}`);
  const mine = live.applications.filter((app) => urisOf(app).some((uri) => isBelow(hostOf(uri), domain)));
  for (const app of live.applications) {
    if (!mine.includes(app)) remark(app, `it is not about ${domain}`);
  }
  const isOpen = ({ policies = [] }: LiveApplication) =>
    policies.length > 0 && policies.every(({ decision }) => decision === "bypass");
  const [first, ...others] = mine.filter((app) => !isOpen(app) && app.type === "self_hosted");
  for (const app of mine) if (app.type !== "self_hosted") remark(app, `its type is ${app.type}`);
  for (const app of others) remark(app, "a stack has one protected application, and another was taken");
  const open = mine.filter((app) => isOpen(app) && app.type === "self_hosted");
  const said = first === undefined ? "" : protectedSettings(first, live);
  if (first === undefined || typeof said === "string") {
    if (first !== undefined && typeof said === "string") remark(first, said);
    for (const app of open) remark(app, "it belongs to a protected application that is not taken");
    return { part: undefined, remarks: [...remarks, ...furtherRemarks(live, [], "")] };
  }
  const hostnames = urisOf(first);
  const fitting = open.filter((app) => {
    const why = whyNotPublic(app, hostnames);
    if (why !== undefined) remark(app, why);
    return why === undefined;
  });
  const { size, taken, left } = evenly(fitting);
  for (const app of left) remark(app, "it holds another number of paths than the others");
  const publicPaths = taken.flatMap(urisOf);
  return {
    part: {
      settings: {
        ...said,
        ...(publicPaths.length === 0 ? {} : { publicPaths }),
        ...(publicPaths.length === 0 || size === 5 ? {} : { pathsPerApplication: size }),
        check: false,
      },
      protectedId: first.id,
      publicIds: taken.map(({ id }) => id),
    },
    leave: ["access.checks"],
    remarks: [...remarks, ...furtherRemarks(live, [first, ...taken], JSON.stringify(said))],
  };
}

/** Settings, or why there are none. */
function protectedSettings(app: LiveApplication, live: Live): string | Record<string, unknown> {
  const uris = urisOf(app);
  const strange = uris.find((uri) => uri.includes("/") || uri.includes("*"));
  if (strange !== undefined) return `it protects ${strange}, and a stack file takes whole hosts`;
  const outside = uris.find((uri) => !isBelow(uri, live.zone.name));
  if (outside !== undefined) return `${outside} is outside ${live.zone.name}`;
  const policies = app.policies ?? [];
  const [policy, ...more] = policies.filter(({ decision }) => decision === "allow");
  if (policy === undefined) return "it has no policy that allows anybody";
  if (more.length > 0 || policies.length > 1)
    return `it has ${policies.length} policies, and a stack file says one: ${policies.map(({ name }) => name).join(", ")}`;
  if (!isReusable(policy, live)) return `its policy ${policy.name} is its own; convert it to a reusable one`;
  const who = whoOf(policy);
  if (typeof who === "string") return `policy ${policy.name}: ${who}`;
  const hours = /^(\d+)h$/.exec(app.session_duration ?? "24h")?.[1];
  if (hours === undefined)
    return `its session lasts ${app.session_duration ?? ""}, and a stack file says hours`;
  const allowed = app.allowed_idps ?? [];
  const usable = live.providers.filter(({ id }) => allowed.length === 0 || allowed.includes(id));
  const pin = usable.find(({ type }) => type === "onetimepin");
  const github = usable.find(({ type }) => type === "github");
  const login = loginOf(who, pin, github);
  if (typeof login === "string") return login;
  return { hostnames: uris, ...login, sessionHours: Number(hours) };
}

function loginOf(
  { github: organization, ...people }: Who,
  pin: LiveProvider | undefined,
  github: LiveProvider | undefined,
): string | Record<string, unknown> {
  if (pin === undefined && github === undefined) return "its logins are neither GitHub nor a one-time PIN";
  if (organization !== undefined && github === undefined)
    return "its login by GitHub has no identity provider";
  const some = (list: string[] | undefined, key: string) =>
    list === undefined || list.length === 0 ? {} : { [key]: list };
  return {
    ...some(people.emails, "emails"),
    ...some(people.emailDomains, "emailDomains"),
    ...(organization === undefined || github === undefined
      ? {}
      : { github: { ...organization, identityProviderId: github.id } }),
    ...(pin === undefined ? { oneTimePin: false } : { oneTimePinProviderId: pin.id }),
  };
}

/** Who may come in, or why that cannot be said. */
function whoOf({ include = [], exclude = [], require = [] }: LivePolicy): string | Who {
  if (exclude.length > 0 || require.length > 0) return "it has exclude or require rules";
  const who: { emails: string[]; emailDomains: string[]; github?: Record<string, unknown> } = {
    emails: [],
    emailDomains: [],
  };
  const teams: string[] = [];
  for (const selector of include) {
    const [kind = "", value = {}] = Object.entries(selector)[0] ?? [];
    if (kind === "email") who.emails.push(String(value["email"]));
    else if (kind === "email_domain") who.emailDomains.push(String(value["domain"]));
    else if (kind === "github-organization" || kind === "github_organization") {
      const before = who.github?.["organization"];
      if (before !== undefined && before !== value["name"])
        return "it allows several organisations of GitHub";
      if (typeof value["team"] === "string" && value["team"] !== "") teams.push(value["team"]);
      who.github = { organization: value["name"], ...(teams.length === 0 ? {} : { teams }) };
    } else return `it allows by ${kind}`;
  }
  return who;
}

function whyNotPublic(app: LiveApplication, hostnames: readonly string[]): string | undefined {
  const { policies = [] } = app;
  const [policy] = policies;
  if (policies.length !== 1 || policy === undefined) return "it has several policies";
  const include: readonly LiveSelector[] = policy.include ?? [];
  if (include.length !== 1 || include[0]?.["everyone"] === undefined) return "it does not bypass everybody";
  if (policy.reusable === false) return `its policy ${policy.name} is its own; convert it to a reusable one`;
  const strange = urisOf(app).find((uri) => !hostnames.includes(hostOf(uri)) || !uri.includes("/"));
  return strange === undefined ? undefined : `${strange} is no path of a host that is protected`;
}

/** The component fills one application after the other, so all but the last must hold the same number of paths. */
function evenly(apps: readonly LiveApplication[]) {
  const bySize = [...apps].sort((one, other) => urisOf(other).length - urisOf(one).length);
  const size = urisOf(bySize[0] ?? {}).length;
  const full = bySize.filter((app) => urisOf(app).length === size);
  const [last, ...left] = bySize.filter((app) => urisOf(app).length < size);
  return { size, taken: last === undefined ? full : [...full, last], left };
}

/** @param said the settings, as text */
function furtherRemarks(live: Live, taken: readonly LiveApplication[], said: string): string[] {
  const used = new Set(taken.flatMap(({ policies = [] }) => policies.map(({ id }) => id)));
  return [
    ...live.policies
      .filter(({ id }) => !used.has(id))
      .map(({ name }) => `Access policy ${name}: no application that is taken uses it`),
    ...live.serviceTokens.map(
      ({ name }) =>
        `service token ${name}: its secret cannot be read, so a stack cannot hand it on; it stays valid`,
    ),
    ...live.providers
      .filter(({ id }) => !said.includes(id))
      .map(
        ({ name, type }) =>
          `identity provider ${name} (${type}): it is the account's; a stack names it by its id`,
      ),
  ];
}

function isReusable({ id, reusable }: LivePolicy, { policies }: Live): boolean {
  return reusable !== false && policies.some((policy) => policy.id === id);
}

/** Hosts and paths that an application is about. */
function urisOf({ destinations, domain }: Partial<LiveApplication>): string[] {
  const uris = (destinations ?? []).flatMap(({ type, uri }) =>
    type === "public" && uri !== undefined ? [uri] : [],
  );
  return uris.length > 0 || domain === undefined ? uris : [domain];
}

function hostOf(uri: string): string {
  return uri.split("/")[0] ?? uri;
}
