import { accessHeaders } from "../shared/access-headers";
import type { AccessCheckInput } from "./check-input";
import type { CredentialedCors } from "./credentialed-cors";

/** One request from outside, and what its answer must be. */
export interface Question {
  readonly method: "GET" | "OPTIONS";
  readonly host: string;
  /** As it is sent: dots are not resolved. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How it is told: `without a login`, `with the service token`. */
  readonly as: string;
  /** `closed`: Access asks for a login or refuses. `open`: the answer is not one of Access. */
  readonly wanted: "closed" | "open";
  /** The page whose scripts must be allowed to read the answer, with the visitor's cookies. @default none */
  readonly page?: string;
}

/** A path that no application has. */
const nowhere = "groundwork-access-check";

/**
 * Everything that is asked of protected hosts: each host, what is beside each public path and what leads out of it,
 * without a login, with a wrong token and with the right one; each public path without a login.
 *
 * @example
 * accessQuestions({ hostnames: ["stg.example.com"], publicPaths: ["stg.example.com/health"] });
 */
export function accessQuestions(input: AccessCheckInput): Question[] {
  const { hostnames, publicPaths = [], token, preflight = false, cors = [] } = input;
  const closed = hostnames.flatMap((host) => closedPaths(host, publicPaths).map((path) => ({ host, path })));
  const open = publicPaths
    .map((written) => split(written))
    .map(({ host, path }) => ({ host, path: concrete(path) }));
  const outside = { method: "GET", headers: {}, as: "without a login" } as const;
  const wrong = token && accessHeaders({ ...token, clientSecret: "0".repeat(token.clientSecret.length) });
  return [
    ...closed.map((place) => ({ ...outside, ...place, wanted: "closed" as const })),
    ...open.map((place) => ({ ...outside, ...place, wanted: "open" as const })),
    ...open.map(({ host, path }) => ({
      ...outside,
      host,
      path: `${path.replace(/\/$/, "")}/%2e%2e/${nowhere}`,
      wanted: leadsOut({ host, path }, publicPaths) ? ("closed" as const) : ("open" as const),
    })),
    ...(token === undefined || wrong === undefined
      ? []
      : [
          ...closed.map((place) => ({
            ...outside,
            ...place,
            headers: accessHeaders(token),
            as: "with the service token",
            wanted: "open" as const,
          })),
          ...hostnames.map((host) => ({
            ...outside,
            host,
            path: "/",
            headers: wrong,
            as: "with a wrong service token",
            wanted: "closed" as const,
          })),
        ]),
    ...(preflight
      ? hostnames.map((host) => preflightOf(host, "/", hostnames.find((one) => one !== host) ?? host))
      : []),
    ...cors.flatMap((pair) => corsQuestions(pair, token)),
  ];
}

/** The root, a path that nothing stands at, and the neighbour of each public path; none that is public itself. */
function closedPaths(host: string, publicPaths: readonly string[]): string[] {
  const neighbours = publicPaths
    .map(split)
    .filter((place) => place.host === host)
    .map(({ path }) => (path.endsWith("/*") ? path.slice(0, -2) : `${path.replace(/\/$/, "")}-${nowhere}`))
    .map(concrete);
  const all = [...new Set(["/", `/${nowhere}`, ...neighbours])];
  return all.filter((path) => !isPublic(host, path, publicPaths));
}

/** Whether one step up from a public path and down again is somewhere else. */
function leadsOut(
  { host, path }: { readonly host: string; readonly path: string },
  publicPaths: readonly string[],
): boolean {
  const above = path.replace(/\/$/, "").replace(/\/[^/]*$/, "");
  return !isPublic(host, `${above}/${nowhere}`, publicPaths);
}

/** Whether a path lies at or below one that is public, as Access counts it. */
export function isPublic(host: string, path: string, publicPaths: readonly string[]): boolean {
  const asked = path.split("/").slice(1);
  return publicPaths.map(split).some((place) => {
    const wanted = place.path.replace(/\/$/, "").split("/").slice(1);
    return (
      place.host === host &&
      wanted.length <= asked.length &&
      wanted.every((part, index) => fits(part, asked[index] ?? ""))
    );
  });
}

function fits(part: string, asked: string): boolean {
  const [start = "", end] = part.split("*");
  if (end === undefined) return part === asked;
  return (
    asked !== "" &&
    asked.length >= start.length + end.length &&
    asked.startsWith(start) &&
    asked.endsWith(end)
  );
}

function split(written: string): { readonly host: string; readonly path: string } {
  const slash = written.indexOf("/");
  return slash === -1
    ? { host: written, path: "/" }
    : { host: written.slice(0, slash), path: written.slice(slash) };
}

/** A path that a pattern covers. */
function concrete(path: string): string {
  return path === "" ? "/" : path.replaceAll("*", nowhere);
}

function corsQuestions(
  { page, api, path = "/" }: CredentialedCors,
  token: AccessCheckInput["token"],
): Question[] {
  const asked = { host: api, path, wanted: "open" as const, page };
  return [
    { ...preflightOf(api, path, page), page },
    ...(token === undefined
      ? []
      : [
          {
            ...asked,
            method: "GET" as const,
            headers: { ...accessHeaders(token), origin: `https://${page}` },
            as: `with the service token, from a page of ${page}`,
          },
        ]),
  ];
}

function preflightOf(host: string, path: string, page: string): Question {
  return {
    method: "OPTIONS",
    host,
    path,
    headers: { origin: `https://${page}`, "access-control-request-method": "GET" },
    as: `as the preflight of a page of ${page}`,
    wanted: "open",
  };
}
