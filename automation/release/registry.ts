import { UserError } from "../../common/user-error";

/** A login at a registry; the password is a secret. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

const manifests = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** The longest that a registry may take to answer, in milliseconds. */
const patience = 30_000;

/**
 * The digest that a tag has at its registry now, by the registry's own protocol. Nothing is fetched but the digest.
 *
 * @param login used where the registry asks for one. @default none
 * @returns `name@sha256:…`, without the tag
 * @throws UserError where the registry does not answer, refuses the login, or has no such image
 * @example await digestAtRegistry("ghcr.io/acme/api:1.4.2")
 */
export async function digestAtRegistry(reference: string, login?: RegistryLogin): Promise<string> {
  const { host, repository, tag, name } = parseReference(reference);
  const scheme = /^(localhost|127\.0\.0\.1)(:|$)/.test(host) ? "http" : "https";
  const url = `${scheme}://${host}/v2/${repository}/manifests/${tag}`;
  const ask = (authorization?: string): Promise<Response> =>
    request(url, host, {
      method: "HEAD",
      headers: { accept: manifests, ...(authorization === undefined ? {} : { authorization }) },
    });
  let answer = await ask();
  if (answer.status === 401) {
    answer = await ask(
      await authorize(answer.headers.get("www-authenticate") ?? "", host, repository, login),
    );
  }
  const digest = answer.headers.get("docker-content-digest") ?? "";
  if (answer.ok && /^sha256:[0-9a-f]{64}$/.test(digest)) return `${name}@${digest}`;
  throw new UserError({
    what: `the registry does not tell the digest of ${reference}`,
    value: `status ${answer.status}`,
    allowed: "an image that is there, and a login that may read it",
    next: "look at its name; or write it with its digest (name@sha256:…) into the stack file",
  });
}

/** What a registry wants to see after it has refused: a token of its own authority, or the login itself. */
async function authorize(
  challenge: string,
  host: string,
  repository: string,
  login: RegistryLogin | undefined,
): Promise<string> {
  const basic =
    login === undefined
      ? undefined
      : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const [, scheme = "", rest = ""] = /^(\w+) (.*)$/.exec(challenge) ?? [];
  if (scheme.toLowerCase() !== "bearer") return basic ?? "";
  const { realm, service } = Object.fromEntries(
    [...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]),
  ) as { realm?: string; service?: string };
  const address = new URL(realm ?? "", `https://${host}`);
  if (service !== undefined) address.searchParams.set("service", service);
  address.searchParams.set("scope", `repository:${repository}:pull`);
  const answer = await request(address.href, host, {
    headers: basic === undefined ? {} : { authorization: basic },
  });
  const { token, access_token: other } = (await answer.json().catch(() => ({}))) as {
    token?: unknown;
    access_token?: unknown;
  };
  const found = token ?? other;
  return typeof found === "string" ? `Bearer ${found}` : "";
}

async function request(url: string, host: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...options, signal: AbortSignal.timeout(patience) });
  } catch (cause) {
    throw new UserError({
      what: `the registry ${host} does not answer`,
      value: cause instanceof Error ? cause.message : String(cause),
      next: "look at the network and run the same command again",
      cause,
    });
  }
}

/** The parts of an image's name, by the rules that Docker has for them. */
export function parseReference(reference: string): {
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  /** Without tag and digest, as it is written. */
  readonly name: string;
} {
  const [withTag = ""] = reference.split("@");
  const slash = withTag.lastIndexOf("/");
  const colon = withTag.indexOf(":", slash + 1);
  const name = colon < 0 ? withTag : withTag.slice(0, colon);
  const tag = colon < 0 ? "latest" : withTag.slice(colon + 1);
  const [first = "", ...others] = name.split("/");
  if (others.length > 0 && /[.:]|^localhost$/.test(first))
    return { host: first, repository: others.join("/"), tag, name };
  const repository = others.length === 0 ? `library/${name}` : name;
  return { host: "registry-1.docker.io", repository, tag, name };
}
