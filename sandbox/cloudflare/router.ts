import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { authenticate, type Identity } from "./auth";
import type { Call, Needs, Route, Services } from "./call";
import { type Answer, ApiError, refuse, success } from "./envelope";
import { isHexId } from "./ids";
import type { Scope, ZoneRow } from "./model";
import type { Target } from "./permissions";

const readOnly = new Set(["GET", "HEAD"]);

export function noRoute(path: string): ApiError {
  return new ApiError(404, [
    {
      code: 7003,
      message: `Could not route to /client/v4${path}, perhaps your object identifier is invalid?`,
    },
    { code: 7000, message: "No route for that URI" },
  ]);
}

/** Puts the routes on the server: who asks, for which account or zone, may they, then the handler in a transaction. */
export function mount(
  server: FastifyInstance,
  routes: readonly Route[],
  services: Services,
  tokenHash: string,
): void {
  for (const route of routes) {
    server.route({
      method: route.method,
      url: `/client/v4${route.path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
      handler: async (request, reply) => {
        const answer = await serve(route, request, services, tokenHash);
        return send(reply, answer);
      },
    });
  }
}

async function serve(
  route: Route,
  request: FastifyRequest,
  services: Services,
  tokenHash: string,
): Promise<Answer> {
  const now = services.now();
  const path = request.url.slice("/client/v4".length).replace(/\?.*$/s, "");
  const identity: Identity =
    route.needs === "public"
      ? { may: () => false }
      : authenticate(
          { authorization: request.headers.authorization, address: request.ip, path },
          tokenHash,
          services.store,
          now,
        );
  const params = request.params as Record<string, string>;
  const { zone, scope, target } = locate(params, path, services);
  const require = (needs: readonly string[]): void => permit(identity, needs, route.method, target);
  if (typeof route.needs !== "string") require(route.needs);
  const { json, form } = content(request);
  const call: Call = {
    ...services,
    params,
    query: queryOf(request),
    headers: request.headers,
    body: json,
    form,
    identity,
    zone: zone as ZoneRow,
    scope,
    time: now.toISOString(),
    require,
  };
  return services.store.transaction(() => route.handle(call));
}

/** @throws ApiError 7003 for ids that are malformed or name nothing, 10000 for another account. */
function locate(
  params: Readonly<Record<string, string>>,
  path: string,
  { store, account, user }: Services,
): { zone: ZoneRow | undefined; scope: Scope; target: Target } {
  const { zone_id: zoneId, account_id: accountId } = params;
  if (zoneId !== undefined) {
    const zone = isHexId(zoneId) ? store.get("zones", zoneId) : undefined;
    if (zone === undefined) throw noRoute(path);
    return { zone, scope: `zones/${zone.id}`, target: { kind: "zone", account: account.id, zone: zone.id } };
  }
  const scope: Scope = `accounts/${account.id}`;
  if (accountId !== undefined) {
    if (!isHexId(accountId)) throw noRoute(path);
    if (accountId !== account.id) throw refuse(403, 10000, "Authentication error");
    return { zone: undefined, scope, target: { kind: "account", account: account.id } };
  }
  return { zone: undefined, scope, target: { kind: "user", user: user.id } };
}

function permit(identity: Identity, needs: Exclude<Needs, string>, method: string, target: Target): void {
  const names = needs.flatMap((name) => {
    if (name === "Cache Purge") return [name];
    return readOnly.has(method) ? [`${name} Read`, `${name} Write`] : [`${name} Write`];
  });
  if (!identity.may(names, target)) throw refuse(403, 10000, "Authentication error");
}

function content(request: FastifyRequest): { json?: unknown; form?: ReadonlyMap<string, string> } {
  const body = request.body;
  if (body instanceof Map) return { form: body as ReadonlyMap<string, string> };
  if (typeof body !== "string" || body.trim() === "") return {};
  try {
    return { json: JSON.parse(body) as unknown };
  } catch {
    throw refuse(400, 6007, "Malformed JSON in request body");
  }
}

/** The last of repeated parameters wins. */
function queryOf(request: FastifyRequest): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.query as Record<string, string | string[]>).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.at(-1) : value,
    ]),
  );
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  const status = answer.status ?? 200;
  if (status === 204) return reply.code(204).send();
  if (answer.raw !== undefined) {
    return reply
      .code(status)
      .type(answer.contentType ?? "text/plain; charset=utf-8")
      .send(answer.raw);
  }
  return reply
    .code(status)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(success(answer)));
}
