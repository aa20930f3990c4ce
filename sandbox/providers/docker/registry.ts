import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { parseReference } from "./reference";

export interface RegistryLogin {
  /** Of the registry, with or without `https://`. */
  readonly address: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** The digest that the registry has for an image's name; an image that it does not have is an error. */
export async function registryDigest(
  image: string,
  options: { readonly logins: readonly RegistryLogin[]; readonly insecureSkipVerify: boolean },
): Promise<string> {
  const { registry, repository, tag } = parseReference(image);
  // A registry on this machine speaks plain HTTP, as Docker itself assumes.
  const scheme = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(registry) ? "http" : "https";
  const url = `${scheme}://${registry}/v2/${repository}/manifests/${tag}`;
  const login = loginFor(registry, options.logins);
  const ask = (authorization?: string) =>
    head(
      url,
      { Accept: manifestTypes, ...(authorization === undefined ? {} : { Authorization: authorization }) },
      options,
    );

  let answer = await ask();
  if (answer.statusCode === 401) {
    const challenge = String(answer.headers["www-authenticate"] ?? "");
    answer = await ask(await authorization(challenge, repository, login, options));
  }
  const digest = answer.headers["docker-content-digest"];
  if (answer.statusCode !== 200 || typeof digest !== "string") {
    throw new Error(
      `the registry ${registry} has no image ${image} for us (status ${answer.statusCode ?? "unknown"})`,
    );
  }
  return digest;
}

function loginFor(registry: string, logins: readonly RegistryLogin[]): RegistryLogin | undefined {
  const host = (address: string) => address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const isHub = registry === "registry-1.docker.io";
  return logins.find(
    ({ address }) => host(address) === registry || (isHub && /(^|\.)docker\.io$/.test(host(address))),
  );
}

async function authorization(
  challenge: string,
  repository: string,
  login: RegistryLogin | undefined,
  options: { readonly insecureSkipVerify: boolean },
): Promise<string | undefined> {
  const basic =
    login?.username === undefined
      ? undefined
      : `Basic ${Buffer.from(`${login.username}:${login.password ?? ""}`).toString("base64")}`;
  if (!/^bearer /i.test(challenge)) return basic;
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = parameter("realm");
  if (realm === undefined) return basic;
  const url = new URL(realm);
  url.searchParams.set("service", parameter("service") ?? "");
  url.searchParams.set("scope", parameter("scope") ?? `repository:${repository}:pull`);
  const answer = await send("GET", url.href, basic === undefined ? {} : { Authorization: basic }, options);
  const { token, access_token } = JSON.parse(answer.body) as { token?: string; access_token?: string };
  return `Bearer ${token ?? access_token ?? ""}`;
}

async function head(
  url: string,
  headers: Record<string, string>,
  options: { readonly insecureSkipVerify: boolean },
): Promise<IncomingMessage> {
  const { response } = await send("HEAD", url, headers, options);
  return response;
}

function send(
  method: string,
  url: string,
  headers: Record<string, string>,
  { insecureSkipVerify }: { readonly insecureSkipVerify: boolean },
): Promise<{ response: IncomingMessage; body: string }> {
  return new Promise((resolve, reject) => {
    const isTls = url.startsWith("https:");
    const handle = (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ response, body: Buffer.concat(chunks).toString() }));
    };
    const outgoing = isTls
      ? httpsRequest(url, { method, headers, rejectUnauthorized: !insecureSkipVerify }, handle)
      : httpRequest(url, { method, headers }, handle);
    outgoing.setTimeout(30_000, () => outgoing.destroy(new Error("no answer within 30 s")));
    outgoing.once("error", (error) =>
      reject(new Error(`${new URL(url).host}: ${error.message}`, { cause: error })),
    );
    outgoing.end();
  });
}
