import { closestApplication } from "../edge/access-match";
import type {
  AccessApplication,
  AccessPolicy,
  AccessView,
  CorsHeaders,
  Rule,
  RuleLists,
} from "../edge/access/model";
import { durationMs } from "./access-rules";
import type { Services } from "./call";
import { objectOf, objectsOf } from "./crud";
import { sha256 } from "./ids";
import type { AccessAppRow, AccessPolicyRow, Json, ServiceTokenRow } from "./model";
import { defaultTeamDomain } from "./routes/access";
import type { Store } from "./store";

const day = 24 * 60 * 60 * 1000;
/** Milliseconds that stand for ever. */
const forever = 100 * 365 * day;

/** Access of the account as the edge enforces it. */
export function accessView(services: Services, applications: () => readonly AccessApplication[]): AccessView {
  const { store, account } = services;
  const organization = (): Json => store.get("documents", `organization/accounts/${account.id}`)?.body ?? {};
  return {
    accountId: account.id,
    teamDomain: () => text(organization()["auth_domain"]) ?? defaultTeamDomain,
    globalSessionMs: () => milliseconds(organization()["session_duration"]) ?? day,
    application: (host, path) => closestApplication(applications(), host.toLowerCase(), path),
    group(id) {
      const group = objectOf(store, "access-group", id);
      return group === undefined ? undefined : ruleLists(group.body);
    },
    identityProviders: () =>
      objectsOf(store, "identity-provider").map(({ id, body }) => {
        const config = (body["config"] ?? {}) as Json;
        return {
          id,
          name: String(body["name"]),
          type: String(body["type"]),
          clientId: text(config["client_id"]),
          clientSecret: text(config["client_secret"]),
        };
      }),
    serviceToken(clientId, clientSecret) {
      const row = store.find("serviceTokens", (token) => token.clientId === clientId);
      return row !== undefined && isGood(row, clientSecret, services.now())
        ? { id: row.id, clientId }
        : undefined;
    },
  };
}

function isGood(
  { body, secretHash, previousSecret, expiresAt }: ServiceTokenRow,
  secret: string,
  now: Date,
): boolean {
  if (body["enabled"] === false) return false;
  if (expiresAt !== null && Date.parse(expiresAt) <= now.getTime()) return false;
  const hash = sha256(secret);
  if (hash === secretHash) return true;
  return previousSecret?.hash === hash && Date.parse(previousSecret.expiresAt) > now.getTime();
}

/** The applications that have public addresses, with their policies in order. */
export function accessApplications(store: Store): AccessApplication[] {
  return store
    .list("accessApps", ({ body }) => Array.isArray(body["self_hosted_domains"]))
    .map((row) => applicationOf(row, (id) => store.get("accessPolicies", id)));
}

function applicationOf(
  { id, aud, body, policies, tokensRevokedAt }: AccessAppRow,
  policyRow: (id: string) => AccessPolicyRow | undefined,
): AccessApplication {
  return {
    id,
    aud,
    name: String(body["name"] ?? body["domain"]),
    uris: body["self_hosted_domains"] as readonly string[],
    policies: policies.flatMap((entry) => {
      const row = policyRow(entry.id);
      return row === undefined ? [] : [policyOf(row)];
    }),
    allowedIdps: (body["allowed_idps"] ?? []) as readonly string[],
    autoRedirect: body["auto_redirect_to_identity"] === true,
    sessionMs: milliseconds(body["session_duration"]) ?? day,
    preflightBypass: body["options_preflight_bypass"] === true,
    cors: corsOf(body["cors_headers"]),
    cookie: {
      httpOnly: body["http_only_cookie_attribute"] !== false,
      sameSite: capital(text(body["same_site_cookie_attribute"]) ?? "none"),
      path: body["path_cookie_attribute"] === true,
    },
    serviceAuth401: body["service_auth_401_redirect"] === true,
    tokenHeader: text(body["read_service_tokens_from_header"]),
    denyUrl: text(body["custom_deny_url"]),
    revokedAt: tokensRevokedAt === undefined ? undefined : Date.parse(tokensRevokedAt),
  };
}

function policyOf({ id, body }: AccessPolicyRow): AccessPolicy {
  return {
    id,
    decision: body["decision"] as AccessPolicy["decision"],
    sessionMs: milliseconds(body["session_duration"]),
    ...ruleLists(body),
  };
}

function ruleLists(body: Json): RuleLists {
  const rules = (list: string) => (body[list] ?? []) as readonly Rule[];
  return { include: rules("include"), require: rules("require"), exclude: rules("exclude") };
}

function milliseconds(duration: unknown): number | undefined {
  if (typeof duration !== "string") return undefined;
  return durationMs(duration) ?? forever;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function corsOf(given: unknown): CorsHeaders | undefined {
  return typeof given === "object" && given !== null ? given : undefined;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
