/** Headers by host name, for requests through public names of which some need a login. */
export type HeadersByHost = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The two headers by which a service token of Cloudflare Access is shown. */
export function accessHeaders<T>({
  clientId,
  clientSecret,
}: {
  readonly clientId: T;
  readonly clientSecret: T;
}): Record<"CF-Access-Client-Id" | "CF-Access-Client-Secret", T> {
  return { "CF-Access-Client-Id": clientId, "CF-Access-Client-Secret": clientSecret };
}

/** The same headers for each of these hosts. */
export function headersByHost<T>(hostnames: readonly string[], headers: T): Record<string, T> {
  return Object.fromEntries(hostnames.map((hostname) => [hostname, headers]));
}
