import type { Exchange, Outcome } from "../exchange";
import { hostOf } from "../exchange";
import type { Step } from "../pipeline";
import { context } from "./gate";
import { GithubStandIn, githubPath } from "./github";
import type { Attempt, Session } from "./logins";
import type { AccessApplication, AccessIdentity, AccessPolicy, IdentityProvider } from "./model";
import { codePage, forbiddenPage, loginPage, page } from "./pages";
import {
  type AccessParts,
  accessPath,
  addressAt,
  cookie,
  cookies,
  country,
  isTeamHost,
  json,
  randomName,
  redirect,
  sessionCookie,
  tokenCookie,
} from "./parts";
import { normalizedPath } from "./path";
import { judge, type Verdict } from "./policies";
import { answerIdentity, endSession } from "./session-paths";
import { applicationToken, globalSession, globalToken } from "./tokens";

/** Bytes of a form. */
const formLimit = 64 * 1024;
/** Up to so many hosts of an application get their cookie at the first login already. */
const eagerHosts = 5;
/** Milliseconds, as `CF_Session` has it. */
const browserMs = 4 * 60 * 60 * 1000;

type Handler = (exchange: Exchange, query: URLSearchParams) => Outcome | Promise<Outcome>;

/** The team's domain: the login of all applications, and the keys that their tokens are verified with. */
export function teamStep(parts: AccessParts): Step {
  const desk = new LoginDesk(parts);
  return (exchange) => {
    const { host, path, query, method, scheme } = exchange;
    if (!isTeamHost(parts.view, host)) return undefined;
    if (scheme === "http") return redirect(addressAt(exchange, host, `${path}${query}`));
    const at = normalizedPath(path);
    if (at.startsWith(`${accessPath}login/`) && (method === "GET" || method === "HEAD")) {
      return desk.login(exchange, at.slice(`${accessPath}login/`.length));
    }
    const handler = desk.handlers[`${method === "HEAD" ? "GET" : method} ${at}`];
    return (
      handler?.(exchange, new URLSearchParams(query)) ??
      page(404, "Not found", "<p>Access has nothing here.</p>")
    );
  };
}

class LoginDesk {
  readonly handlers: Readonly<Record<string, Handler>> = {
    [`GET ${accessPath}certs`]: () =>
      json(200, this.parts.key.published(), { "access-control-allow-origin": "*" }),
    [`GET ${accessPath}get-identity`]: (exchange) => answerIdentity(this.parts, exchange),
    [`GET ${accessPath}logout`]: (exchange) =>
      endSession(this.parts, exchange, cookie(tokenCookie, "", { expires: 0 })),
    [`POST ${accessPath}onetimepin`]: (exchange) => this.sendPin(exchange),
    [`POST ${accessPath}callback`]: (exchange) => this.checkPin(exchange),
    [`GET ${accessPath}github`]: (exchange, query) => this.toGithub(exchange, query),
    [`GET ${accessPath}callback`]: (exchange, query) => this.fromGithub(exchange, query),
    [`GET ${githubPath}`]: (_exchange, query) => this.github.ask(query),
    [`POST ${githubPath}`]: async (exchange) => this.github.authorize(await formOf(exchange)),
  };
  private readonly github: GithubStandIn;

  constructor(private readonly parts: AccessParts) {
    this.github = new GithubStandIn(parts.now);
  }

  /** Where a request without a token was sent to. Who has logged in already goes straight back. */
  login(exchange: Exchange, written: string): Outcome {
    const host = hostOf(written);
    const target = new URLSearchParams(exchange.query).get("redirect_url") ?? "/";
    const application = host === undefined ? undefined : this.applicationOf(host, target);
    if (host === undefined || application === undefined) {
      return page(404, "Unknown application", "<p>No application of this team has that address.</p>");
    }
    const providers = this.providersFor(application);
    const session = globalSession(this.parts, exchange);
    if (session !== undefined && providers.some(({ id }) => id === session.identity.idp.id)) {
      return this.enter(exchange, session, { host, redirect: target });
    }
    const [known] = cookies(exchange, sessionCookie);
    const browser = known ?? randomName();
    const state = this.parts.logins.begin({ host, redirect: target, browser });
    const github = providers.filter(({ type }) => type === "github");
    const [only] = github;
    const outcome =
      application.autoRedirect && providers.length === 1 && only !== undefined
        ? this.atGithub(exchange, state, only)
        : loginPage({
            application: application.name,
            state,
            pin: providers.some(({ type }) => type === "onetimepin"),
            github,
            unknown: providers.flatMap(({ name, type }) =>
              type === "onetimepin" || type === "github" ? [] : [name],
            ),
          });
    const expires = this.parts.now() + browserMs;
    return withCookie(outcome, cookie(sessionCookie, browser, { expires }));
  }

  private applicationOf(host: string, target: string): AccessApplication | undefined {
    // Nowhere but to a path of the application's own host.
    if (!/^\/(?![/\\])/.test(target)) return undefined;
    return this.parts.view.application(host, normalizedPath(target.replace(/[?#].*$/s, "")));
  }

  private providersFor({ allowedIdps }: AccessApplication): readonly IdentityProvider[] {
    const all = this.parts.view.identityProviders();
    return allowedIdps.length === 0 ? all : all.filter(({ id }) => allowedIdps.includes(id));
  }

  private attemptOf(exchange: Exchange, state: string): Attempt | undefined {
    return this.parts.logins.attempt(state, cookies(exchange, sessionCookie));
  }

  /** The answer is the same whoever asks: it does not say who may enter. */
  private async sendPin(exchange: Exchange): Promise<Outcome> {
    const form = await formOf(exchange);
    const state = form.get("state") ?? "";
    const attempt = this.attemptOf(exchange, state);
    const application = attempt && this.applicationOf(attempt.host, attempt.redirect);
    if (application === undefined) return over();
    const email = (form.get("email") ?? "").trim();
    const provider = this.providersFor(application).find(({ type }) => type === "onetimepin");
    const identity = provider && { email, idp: idpOf(provider), organizations: [] };
    if (identity !== undefined && this.judge(exchange, application, identity).kind === "allow") {
      this.parts.logins.makePin(state, email, application.name);
      this.parts.log(`Access: a one-time PIN for ${application.name} is waited for. ${this.parts.pinHint}`);
    }
    return codePage(state, this.parts.pinHint);
  }

  private async checkPin(exchange: Exchange): Promise<Outcome> {
    const form = await formOf(exchange);
    const state = form.get("state") ?? "";
    const attempt = this.attemptOf(exchange, state);
    const application = attempt && this.applicationOf(attempt.host, attempt.redirect);
    if (attempt === undefined || application === undefined) return over();
    const email = this.parts.logins.usePin(state, form.get("code") ?? "");
    const provider = this.providersFor(application).find(({ type }) => type === "onetimepin");
    if (email === undefined || provider === undefined) {
      return codePage(state, this.parts.pinHint, "That account does not have access.");
    }
    return this.loggedIn(exchange, attempt, { email, idp: idpOf(provider), organizations: [] });
  }

  private toGithub(exchange: Exchange, query: URLSearchParams): Outcome {
    const state = query.get("state") ?? "";
    const attempt = this.attemptOf(exchange, state);
    const application = attempt && this.applicationOf(attempt.host, attempt.redirect);
    const provider =
      application &&
      this.providersFor(application).find(({ id, type }) => type === "github" && id === query.get("idp"));
    return provider === undefined ? over() : this.atGithub(exchange, state, provider);
  }

  private atGithub(exchange: Exchange, state: string, provider: IdentityProvider): Outcome {
    const asked = new URLSearchParams({
      client_id: provider.clientId ?? "",
      redirect_uri: callback(exchange),
      scope: "read:org user:email",
      state: `${state}.${provider.id}`,
    });
    return redirect(addressAt(exchange, exchange.host, `${githubPath}?${asked.toString()}`));
  }

  private fromGithub(exchange: Exchange, query: URLSearchParams): Outcome {
    const [state = "", id] = (query.get("state") ?? "").split(".");
    const attempt = this.attemptOf(exchange, state);
    const application = attempt && this.applicationOf(attempt.host, attempt.redirect);
    const provider =
      application && this.providersFor(application).find((one) => one.id === id && one.type === "github");
    if (attempt === undefined || provider === undefined) return over();
    const person = this.github.exchange(query.get("code") ?? "", provider, callback(exchange));
    if (person === undefined) return over();
    return this.loggedIn(exchange, attempt, { ...person, idp: idpOf(provider) });
  }

  /** From here on the team's domain knows this browser, also where this application does not let them in. */
  private loggedIn(exchange: Exchange, attempt: Attempt, identity: AccessIdentity): Outcome {
    const { logins, view, now } = this.parts;
    const lifetime = view.globalSessionMs();
    const session = logins.start(identity, exchange.clientAddress, now() + lifetime);
    const token = globalToken(this.parts, session, lifetime);
    const outcome = this.enter(exchange, session, attempt);
    return withCookie(outcome, cookie(tokenCookie, token, { expires: now() + lifetime }));
  }

  private judge(exchange: Exchange, application: AccessApplication, identity: AccessIdentity): Verdict {
    return judge(
      application,
      { address: exchange.clientAddress, country, identity },
      context(this.parts, exchange),
    );
  }

  /** Sends somebody who has logged in to an application, or says that they may not enter. */
  private enter(exchange: Exchange, session: Session, to: Pick<Attempt, "host" | "redirect">): Outcome {
    const application = this.applicationOf(to.host, to.redirect);
    if (application === undefined) return over();
    const verdict = this.judge(exchange, application, session.identity);
    if (verdict.kind === "allow")
      return this.handOver(exchange, { application, policy: verdict.policy, session, to });
    if (verdict.kind !== "refused" && verdict.kind !== "login") {
      return redirect(addressAt(exchange, to.host, to.redirect));
    }
    if (application.denyUrl !== undefined) return redirect(application.denyUrl);
    const { email } = session.identity;
    return forbiddenPage(application.name, `no policy lets ${email} in.`, `${accessPath}logout`);
  }

  /** By way of every host of the application, so that a page can ask the others at once; the last is the one asked for. */
  private handOver(
    exchange: Exchange,
    {
      application,
      policy,
      session,
      to,
    }: {
      application: AccessApplication;
      policy: AccessPolicy;
      session: Session;
      to: Pick<Attempt, "host" | "redirect">;
    },
  ): Outcome {
    const { token, expires } = applicationToken(this.parts, application, policy, session);
    const { httpOnly, sameSite } = application.cookie;
    let next = addressAt(exchange, to.host, to.redirect);
    for (const host of [to.host, ...otherHosts(exchange, application, to.host)]) {
      const path = cookiePath(application, host);
      const code = this.parts.logins.handOver({
        host,
        next,
        cookie: cookie(tokenCookie, token, { expires, httpOnly, sameSite, path }),
      });
      next = addressAt(exchange, host, `${accessPath}authorized?code=${code}`);
    }
    return redirect(next);
  }
}

function otherHosts(exchange: Exchange, { uris }: AccessApplication, first: string): string[] {
  const hosts = [...new Set(uris.map((uri) => uri.split("/")[0] ?? ""))];
  if (hosts.length > eagerHosts) return [];
  return hosts.filter(
    (host) => host !== first && !host.includes("*") && exchange.view.zoneForHost(host) !== undefined,
  );
}

/** `/` or, where the application wants it so, the path of its address at this host. */
function cookiePath({ cookie: { path }, uris }: AccessApplication, host: string): string {
  const uri = uris.find((one) => one.startsWith(`${host}/`) && !one.includes("*"));
  return path && uri !== undefined ? uri.slice(host.length) : "/";
}

function idpOf({ id, type }: IdentityProvider): AccessIdentity["idp"] {
  return { id, type };
}

function callback(exchange: Exchange): string {
  return addressAt(exchange, exchange.host, `${accessPath}callback`);
}

function over(): Outcome {
  return page(400, "This login is over", "<p>Go to the address that you wanted and log in again.</p>");
}

function withCookie(outcome: Outcome, value: string): Outcome {
  if (outcome.kind === "reply") outcome.reply.headers["set-cookie"] = value;
  return outcome;
}

async function formOf(exchange: Exchange): Promise<URLSearchParams> {
  return new URLSearchParams((await exchange.readBody(formLimit)).toString());
}
