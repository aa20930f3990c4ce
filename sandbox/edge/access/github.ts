import { escapeHtml } from "../error-pages";
import type { Outcome } from "../exchange";
import { Expiring } from "./expiring";
import type { AccessIdentity, IdentityProvider } from "./model";
import { page } from "./pages";
import { redirect } from "./parts";

/** Where GitHub's authorization page stands, at the team's domain: no request leaves the sandbox. */
export const githubPath = "/cdn-cgi/access/stand-in/github.com/login/oauth/authorize";

/** A person as the stand-in was told. */
type Person = Pick<AccessIdentity, "email" | "organizations">;

interface Grant {
  readonly person: Person;
  readonly clientId: string;
  readonly redirectUri: string;
}

const codeMs = 60_000;

/** GitHub's side of a login: a page on which a visitor says who they are there, and codes in exchange for it. */
export class GithubStandIn {
  private readonly codes = new Expiring<Grant>(codeMs);

  constructor(private readonly now: () => number) {}

  /** The page that asks; what it asks for is what rules may look at. */
  ask(query: URLSearchParams): Outcome {
    const kept = ["client_id", "redirect_uri", "state"]
      .map((name) => `<input type="hidden" name="${name}" value="${escapeHtml(query.get(name) ?? "")}">`)
      .join("\n");
    return page(
      200,
      "GitHub, as the sandbox has it",
      `<p>Nobody is asked outside of the sandbox: say here who you are at GitHub.</p>
<form method="post" action="${githubPath}">
${kept}
<label>E-mail <input type="email" name="email" required></label>
<label>Organisations <input name="organizations" placeholder="example, example/backend"></label>
<p><small>Names with commas between them; <code>organisation/team</code> makes you a member of the team as well.</small></p>
<button>Authorize</button>
</form>`,
    );
  }

  /** Sends the browser back with a code, as GitHub does. */
  authorize(form: URLSearchParams): Outcome {
    const email = (form.get("email") ?? "").trim();
    const redirectUri = form.get("redirect_uri") ?? "";
    if (!/^[^\s@]+@[^\s@]+$/.test(email) || !/^https:\/\//.test(redirectUri)) return this.ask(form);
    const grant: Grant = {
      person: { email, organizations: organizationsIn(form.get("organizations") ?? "") },
      clientId: form.get("client_id") ?? "",
      redirectUri,
    };
    const code = this.codes.add(grant, this.now());
    const back = new URL(redirectUri);
    back.searchParams.set("code", code);
    back.searchParams.set("state", form.get("state") ?? "");
    return redirect(back.toString());
  }

  /** A code for a person: once, for the client and the address that it was made for. */
  exchange(
    code: string,
    { clientId, clientSecret }: IdentityProvider,
    redirectUri: string,
  ): Person | undefined {
    const entry = this.codes.take(code, this.now());
    if (entry === undefined) return undefined;
    const ours = entry.clientId === clientId && entry.redirectUri === redirectUri;
    return ours && clientSecret !== undefined && clientSecret !== "" ? entry.person : undefined;
  }
}

/** `example, example/backend` -> the organisation with its team. */
export function organizationsIn(text: string): AccessIdentity["organizations"] {
  const teams = new Map<string, string[]>();
  for (const entry of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const [name = "", team] = entry.split("/");
    const known = teams.get(name) ?? [];
    teams.set(name, team === undefined || team === "" ? known : [...known, team]);
  }
  return [...teams].map(([name, members]) => ({ name, teams: members }));
}
