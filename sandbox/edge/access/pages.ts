import type { Outcome } from "../exchange";
import { escapeHtml } from "../error-pages";
import { reply } from "./parts";

/** A page of Access's own. `content` is HTML. */
export function page(status: number, title: string, content: string): Outcome {
  const body = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} · Cloudflare Access</title>
<style>
body { font-family: system-ui, sans-serif; max-width: 26em; margin: 4em auto; padding: 0 1em; line-height: 1.5 }
form, p { margin: 1em 0 } label { display: block; margin: .5em 0 }
input { font: inherit; padding: .4em; width: 100%; box-sizing: border-box }
button, a.button { font: inherit; padding: .4em 1em; display: inline-block }
small { color: #666 }
</style></head>
<body>
<h1>${escapeHtml(title)}</h1>
${content}
<hr><p><small>Cloudflare Access, as the Groundwork sandbox has it</small></p>
</body>
</html>
`;
  return reply(status, body, {
    "content-type": "text/html; charset=UTF-8",
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'; base-uri 'none'",
  });
}

export interface LoginPage {
  readonly application: string;
  readonly state: string;
  /** Whether a code can be asked for. */
  readonly pin: boolean;
  readonly github: readonly { readonly id: string; readonly name: string }[];
  /** Names of login methods that the sandbox has no stand-in for. */
  readonly unknown: readonly string[];
}

export function loginPage({ application, state, pin, github, unknown }: LoginPage): Outcome {
  const forPin = `<form method="post" action="/cdn-cgi/access/onetimepin">
<input type="hidden" name="state" value="${escapeHtml(state)}">
<label>E-mail <input type="email" name="email" required autocomplete="email"></label>
<button>Send me a code</button>
</form>`;
  const forGithub = github.map(
    ({ id, name }) =>
      `<p><a class="button" href="/cdn-cgi/access/github?state=${encodeURIComponent(state)}&amp;idp=${encodeURIComponent(id)}">Sign in with GitHub</a> <small>${escapeHtml(name)}</small></p>`,
  );
  const others = unknown.map(
    (name) => `<p><small>${escapeHtml(name)}: the sandbox has no stand-in for it.</small></p>`,
  );
  const ways = [...(pin ? [forPin] : []), ...forGithub, ...others];
  return page(
    200,
    `Log in to ${application}`,
    ways.length === 0 ? "<p>The account has no login method.</p>" : ways.join("\n"),
  );
}

export function codePage(state: string, hint: string, problem?: string): Outcome {
  return page(
    problem === undefined ? 200 : 403,
    "A code has been emailed to you",
    `${problem === undefined ? "" : `<p role="alert"><strong>${escapeHtml(problem)}</strong></p>\n`}<form method="post" action="/cdn-cgi/access/callback">
<input type="hidden" name="state" value="${escapeHtml(state)}">
<label>Code <input name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength="10"></label>
<button>Sign in</button>
</form>
<p><small>No mail leaves the sandbox. ${escapeHtml(hint)}</small></p>`,
  );
}

export function forbiddenPage(application: string, why: string, logout: string): Outcome {
  return page(
    403,
    "Forbidden",
    `<p>You may not enter ${escapeHtml(application)}: ${escapeHtml(why)}</p>
<p><a href="${escapeHtml(logout)}">Log out</a></p>`,
  );
}
