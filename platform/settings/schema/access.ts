import { z } from "zod";
import { tokenDuration, tokenDurations } from "../../../components/shared/token-duration";
import { complainAboutHostname } from "../hostnames";
import { checked, field, type Complaint } from "./field";
import { amount, complainUnless, entryName, hostname, secretName, urlPath } from "./values";

const PUBLIC_PATH =
  "`host/path` such as api.example.com/health; `/icons/*` covers what is below, not /icons itself";

function complainAboutPublicPath(value: string): Complaint | undefined {
  const complain = (what: string, fix?: string): Complaint => ({ what, allowed: PUBLIC_PATH, fix });
  if (/^https?:\/\//.test(value)) {
    return complain("this is a URL; host and path belong here", `write ${value.replace(/^https?:\/\//, "")}`);
  }
  const slash = value.indexOf("/");
  if (slash === 0) return complain("the host name is missing in front of the path");
  if (slash === -1) return complain("the path is missing: a whole host is not public");
  const name = value.slice(0, slash);
  const path = value.slice(slash);
  const about = complainAboutHostname(name);
  if (about !== undefined) return complain(about.what, about.fix);
  if (/[\s?#]/.test(path)) return complain("Access takes no white space, query or fragment");
  if (/^[/*]*$/.test(path)) return complain("this makes the whole host public");
  if (path.split("/").some((part) => (part.match(/\*/g)?.length ?? 0) > 1)) {
    return complain("Access takes one * between two slashes");
  }
  return undefined;
}

const emailPattern = /^[^\s@"<>]+@[^\s@"<>]+\.[^\s@"<>]+$/;

const serviceToken = field(
  z.strictObject({
    duration: field(
      checked(
        z.string(),
        complainUnless(tokenDuration, "Cloudflare does not take this duration", tokenDurations),
      ),
      {
        description:
          "How long it is valid. Another one counts from the next `up` on and leaves id and secret: so it is renewed. " +
          "Default: 8760h, a year.",
        examples: ["17520h", "forever"],
        allowed: tokenDurations,
        pattern: tokenDuration.source,
      },
    ).optional(),
    secretVersion: amount(
      "rotations",
      1,
      10_000,
      "Raise it by one for a new secret; the one before is refused from then on.",
      [2],
    ).optional(),
  }),
  { description: "A service token.", allowed: "a map with `duration` and `secretVersion`, or {}" },
);

/** An account takes 50, and the stack's own is one of them. */
const mostServiceTokens = 49;

const serviceTokens = checked(z.record(entryName, serviceToken), (given) => {
  const count = Object.keys(given).length;
  if (count <= mostServiceTokens) return undefined;
  return { what: `a map of ${count} is too large; the most is ${mostServiceTokens}` };
});

export const access = field(
  z.strictObject({
    hostnames: field(z.array(hostname("A host name that is served through Cloudflare.")).min(1).max(5), {
      description:
        "The host names that need a login; one login serves them all. Limit of Cloudflare Access: 5 per application. A site's own " +
        "`<project>.pages.dev` and its preview deployments are not among them: Cloudflare serves those without a login.",
      allowed: "1 to 5 host names (the limit of an Access application)",
    }),
    emails: field(
      z
        .array(
          field(
            checked(z.string(), (value) =>
              emailPattern.test(value)
                ? undefined
                : { what: "this is not an e-mail address", allowed: "name@example.com" },
            ),
            { description: "An e-mail address.", examples: ["dev@example.com"], allowed: "name@example.com" },
          ),
        )
        .max(900),
      { description: "People who may come in. The free plan of Zero Trust has 50 seats." },
    ).default([]),
    emailDomains: field(
      z
        .array(
          field(
            checked(z.string(), (value) => complainAboutHostname(value.replace(/^@/, "@"))),
            {
              description: "The part after the @.",
              examples: ["example.com"],
              allowed: "a domain such as example.com, without @",
            },
          ),
        )
        .max(50),
      { description: "Everybody with an e-mail address of these domains may come in." },
    ).default([]),
    github: field(
      z.strictObject({
        organization: field(z.string().min(1).max(39), {
          description: "Members of this organisation may come in.",
          examples: ["streampai"],
        }),
        teams: field(z.array(z.string().min(1)).max(50), {
          description: "Only members of these teams. Default: the whole organisation.",
          examples: [["backend"]],
        }).default([]),
        identityProviderId: field(z.uuid(), {
          description: "An identity provider that exists already. Excludes `clientId`.",
        }).optional(),
        clientId: field(z.string().min(1), {
          description: "Client id of the GitHub OAuth app, for an identity provider that this stack makes.",
        }).optional(),
        clientSecretSecret: secretName(
          "The entry of groundwork:secrets with the OAuth app's client secret.",
        ).default("GITHUB_OAUTH_CLIENT_SECRET"),
      }),
      { description: "Login by GitHub. Default: none." },
    ).optional(),
    oneTimePin: field(z.boolean(), {
      description: "Login by a code sent to an allowed e-mail address.",
    }).default(true),
    oneTimePinProviderId: field(z.uuid(), {
      description:
        "The account's one-time PIN provider, where it exists already: an account has one only, and two stacks cannot " +
        "both make it. Default: this stack makes it.",
    }).optional(),
    publicPaths: field(
      z
        .array(
          field(checked(z.string(), complainAboutPublicPath), {
            description: "A host and path that need no login.",
            examples: ["api-stg.plyr.fm/health"],
            allowed: PUBLIC_PATH,
          }),
        )
        .max(100),
      {
        description:
          "What stays open. An Access application takes 5 of them, so more become several applications. Bypassed requests " +
          "are not logged; machines are better off with `serviceTokens`.",
      },
    ).default([]),
    pathsPerApplication: amount(
      "paths",
      1,
      5,
      "How many public paths one Access application holds. Another number makes the applications anew.",
      [1],
    ).default(5),
    sessionHours: amount("hours", 1, 720, "After this time people log in again.", [24]).default(24),
    check: field(z.boolean(), {
      description:
        "Walks every protected and every public path from outside after each change, without a login and with the service " +
        "token `checks`; the update fails where one is open that must be closed, or the other way round.",
    }).default(true),
    cors: field(
      z
        .array(
          z.strictObject({
            page: hostname("The host of a page that asks another one with the visitor's cookies."),
            api: hostname("The protected host that is asked."),
            path: urlPath("What is asked there, by GET.", ["/me"]).default("/"),
          }),
        )
        .max(20),
      {
        description:
          "Checked with the rest: a preflight of the page must reach the origin, and the answers must allow the page to read " +
          "them with cookies (`access-control-allow-origin`, `access-control-allow-credentials`).",
      },
    ).default([]),
    serviceTokens: field(
      z
        .union([z.array(entryName).max(mostServiceTokens), serviceTokens])
        .transform((given): Readonly<Record<string, z.output<typeof serviceToken>>> =>
          Array.isArray(given) ? Object.fromEntries(given.map((name) => [name, {}])) : given,
        ),
      {
        description:
          "Machines that may come in (CI, uptime checks); each gets an id and a secret, valid for a year: `groundwork doctor` " +
          "tells 30 days before. One called `checks` is always there, for the stack's own prober and checks, and does not " +
          "expire. Limit: 50 an account.",
        examples: [["ci"], { ci: { duration: "17520h" } }],
        allowed: "a list of names, or a map of names to `duration` and `secretVersion`",
      },
    ).default({}),
  }),
  {
    description:
      "Cloudflare Access in front of the environment: there before the host names can be reached, and until they cannot be " +
      "any more. Default: the environment is public.",
  },
);

export type AccessSettings = z.output<typeof access>;
