import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv, { type ValidateFunction } from "ajv";
import { projectRoot } from "../../../common/project-root";
import { type Bench, accountId, startBench, zoneId } from "./support";

/**
 * Requests and answers of each area are held against Cloudflare's OpenAPI description of August 2024. Checked: types,
 * required members, enumerations, patterns and bounds of JSON bodies. Not checked: formats, and `oneOf` as "at least
 * one" because the description's alternatives overlap. An answer is also right when it is without its null members: the
 * description hardly ever says where Cloudflare answers null. Members that only answers have are not asked of requests.
 */
const file = join(projectRoot(), "..", "shared", "contracts", "cloudflare-v4-2024-08.json");

interface Operation {
  requestBody?: { content?: Record<string, { schema?: unknown }> };
  responses: Record<string, { content?: Record<string, { schema?: unknown }> }>;
}
interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: unknown;
}

class Contract {
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true, logger: false });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(readonly description: Description) {
    this.#ajv.addSchema(relaxed(description) as object, "openapi");
    this.#ajv.addSchema(relaxed(withoutAnswered(description, description)) as object, "requests");
  }

  /** The description's path for a real one; the one with the fewest parameters where several fit. */
  pathOf(path: string): string | undefined {
    const parts = path.split("/");
    return Object.keys(this.description.paths)
      .filter((template) => {
        const wanted = template.split("/");
        return (
          wanted.length === parts.length &&
          wanted.every((part, index) => part.startsWith("{") || part === parts[index])
        );
      })
      .sort((left, right) => left.split("{").length - right.split("{").length)[0];
  }

  /** What is wrong with a body; empty where nothing is, or where the description has no schema for it. */
  problems(method: string, template: string, where: "requestBody" | number, body: unknown): string[] {
    const operation = this.description.paths[template]?.[method.toLowerCase()];
    if (operation === undefined) return [`not described: ${method} ${template}`];
    const status =
      typeof where === "number"
        ? operation.responses[where] === undefined
          ? where < 400
            ? "200"
            : "4XX"
          : String(where)
        : "";
    const content =
      where === "requestBody" ? operation.requestBody?.content : operation.responses[status]?.content;
    if (content?.["application/json"]?.schema === undefined) return [];
    const part = where === "requestBody" ? "requestBody" : `responses/${status}`;
    const pointer = `/paths/${template.replaceAll("~", "~0").replaceAll("/", "~1")}/${method.toLowerCase()}/${part}/content/application~1json/schema`;
    const validate = this.#validator(where === "requestBody" ? "requests" : "openapi", pointer);
    if (validate(body) || (where !== "requestBody" && validate(withoutNulls(body)))) return [];
    return [
      ...new Set(
        validate.errors!.map(({ instancePath, message }) => `${instancePath || "/"} ${message ?? ""}`),
      ),
    ];
  }

  #validator(schema: string, pointer: string): ValidateFunction {
    let validate = this.#validators.get(pointer);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: `${schema}#${encodeURI(pointer).replaceAll("#", "%23")}` });
      this.#validators.set(pointer, validate);
    }
    return validate;
  }
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) =>
      member === null && key !== "result" ? [] : [[key, withoutNulls(member)]],
    ),
  );
}

interface Schema {
  $ref?: string;
  readOnly?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  allOf?: Schema[];
}

/** The description with members that only answers have taken out of every `required`. */
function withoutAnswered(node: unknown, root: unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => withoutAnswered(item, root));
  if (typeof node !== "object" || node === null) return node;
  const result = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withoutAnswered(value, root)]),
  );
  const { required, properties = {} } = node as Schema;
  if (Array.isArray(required)) {
    const left = required.filter((name) => !isAnswered(properties[name], root));
    if (left.length > 0) result["required"] = left;
    else delete result["required"];
  }
  return result;
}

function isAnswered(schema: Schema | undefined, root: unknown): boolean {
  if (schema === undefined) return false;
  if (schema.readOnly === true || schema.allOf?.some((part) => isAnswered(part, root)) === true) return true;
  if (schema.$ref === undefined) return false;
  const names = schema.$ref.slice(2).split("/");
  return isAnswered(
    names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], root) as Schema,
    root,
  );
}

/** The description as JSON Schema: `oneOf` loosened, OpenAPI's own words removed. */
function relaxed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(relaxed);
  if (typeof node !== "object" || node === null) return node;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (
      ["discriminator", "example", "examples", "readOnly", "writeOnly", "xml"].includes(key) &&
      typeof value !== "object"
    )
      continue;
    if (key === "discriminator" || key === "example") continue;
    if (key === "exclusiveMaximum" || key === "exclusiveMinimum") {
      if (typeof value === "number") result[key] = value;
      continue;
    }
    result[key === "oneOf" ? "anyOf" : key] = relaxed(value);
  }
  if (result["nullable"] === true && result["type"] === undefined) delete result["nullable"];
  return result;
}

const account = `/accounts/${accountId}`;
const zone = `/zones/${zoneId}`;
const everyone = [{ everyone: {} }];

/** One walk through the areas. `{name}` is the id that the step of that name answered. */
const steps: readonly (readonly [string | undefined, string, string, unknown?])[] = [
  ["zone", "POST", "/zones", { name: "contract.org", account: { id: accountId }, type: "full" }],
  [undefined, "GET", "/zones?name=contract.org"],
  [undefined, "GET", "/zones/{zone}"],
  [undefined, "PATCH", "/zones/{zone}", { paused: true }],
  [undefined, "DELETE", "/zones/{zone}"],
  [
    "record",
    "POST",
    `${zone}/dns_records`,
    { type: "A", name: "a.example.com", content: "203.0.113.1", ttl: 1, proxied: true, comment: "c" },
  ],
  [
    undefined,
    "PUT",
    `${zone}/dns_records/{record}`,
    { type: "A", name: "a.example.com", content: "203.0.113.2", ttl: 300, proxied: false },
  ],
  [
    undefined,
    "PATCH",
    `${zone}/dns_records/{record}`,
    { type: "A", name: "a.example.com", content: "203.0.113.3" },
  ],
  [undefined, "GET", `${zone}/dns_records/{record}`],
  [undefined, "GET", `${zone}/dns_records`],
  [undefined, "DELETE", `${zone}/dns_records/{record}`],
  [undefined, "GET", `${zone}/settings`],
  [undefined, "GET", `${zone}/settings/ssl`],
  [undefined, "PATCH", `${zone}/settings/ssl`, { value: "strict" }],
  [undefined, "PATCH", `${zone}/settings/min_tls_version`, { value: "1.2" }],
  [
    undefined,
    "PATCH",
    `${zone}/settings/security_header`,
    {
      value: {
        strict_transport_security: {
          enabled: true,
          max_age: 3600,
          include_subdomains: true,
          nosniff: true,
          preload: false,
        },
      },
    },
  ],
  [
    "ruleset",
    "POST",
    `${zone}/rulesets`,
    {
      name: "waf",
      kind: "zone",
      phase: "http_request_firewall_custom",
      rules: [{ action: "block", expression: 'http.host eq "a"', ref: "a" }],
    },
  ],
  [undefined, "GET", `${zone}/rulesets`],
  [undefined, "GET", `${zone}/rulesets/{ruleset}`],
  [
    undefined,
    "PUT",
    `${zone}/rulesets/{ruleset}`,
    { name: "waf", kind: "zone", phase: "http_request_firewall_custom", rules: [] },
  ],
  [undefined, "GET", `${zone}/rulesets/phases/http_request_firewall_custom/entrypoint`],
  [undefined, "POST", `${zone}/purge_cache`, { purge_everything: true }],
  [
    "project",
    "POST",
    `${account}/pages/projects`,
    {
      name: "web",
      production_branch: "main",
      deployment_configs: { production: { env_vars: { A: { type: "plain_text", value: "1" } } } },
    },
  ],
  [undefined, "GET", `${account}/pages/projects`],
  [undefined, "GET", `${account}/pages/projects/web`],
  [undefined, "PATCH", `${account}/pages/projects/web`, { production_branch: "trunk" }],
  [undefined, "POST", `${account}/pages/projects/web/domains`, { name: "www.example.com" }],
  [undefined, "GET", `${account}/pages/projects/web/domains`],
  [undefined, "GET", `${account}/pages/projects/web/domains/www.example.com`],
  [undefined, "GET", `${account}/pages/projects/web/deployments`],
  ["idp", "POST", `${account}/access/identity_providers`, { name: "otp", type: "onetimepin", config: {} }],
  [undefined, "GET", `${account}/access/identity_providers/{idp}`],
  ["policy", "POST", `${account}/access/policies`, { name: "p", decision: "allow", include: everyone }],
  [undefined, "GET", `${account}/access/policies/{policy}`],
  [
    "app",
    "POST",
    `${account}/access/apps`,
    {
      name: "app",
      type: "self_hosted",
      domain: "app.example.com",
      policies: [{ id: "{policy}", precedence: 1 }],
    },
  ],
  [undefined, "GET", `${account}/access/apps`],
  [undefined, "GET", `${account}/access/apps/{app}`],
  [undefined, "DELETE", `${account}/access/apps/{app}`],
  [undefined, "DELETE", `${account}/access/policies/{policy}`],
  ["group", "POST", `${account}/access/groups`, { name: "g", include: everyone }],
  [undefined, "GET", `${account}/access/groups/{group}`],
  ["service", "POST", `${account}/access/service_tokens`, { name: "ci" }],
  [undefined, "GET", `${account}/access/service_tokens`],
  [undefined, "POST", `${account}/access/service_tokens/{service}/rotate`],
  [undefined, "POST", `${account}/access/tags`, { name: "blue" }],
  [undefined, "GET", `${account}/access/organizations`],
  [
    undefined,
    "POST",
    `${account}/r2/buckets`,
    { name: "media", locationHint: "weur", storageClass: "Standard" },
  ],
  [undefined, "GET", `${account}/r2/buckets`],
  [undefined, "GET", `${account}/r2/buckets/media`],
  [undefined, "DELETE", `${account}/r2/buckets/media`],
  ["tunnel", "POST", `${account}/cfd_tunnel`, { name: "t", config_src: "cloudflare" }],
  [undefined, "GET", `${account}/cfd_tunnel`],
  [
    undefined,
    "PUT",
    `${account}/cfd_tunnel/{tunnel}/configurations`,
    {
      config: {
        ingress: [{ hostname: "a.example.com", service: "http://a:1" }, { service: "http_status:404" }],
      },
    },
  ],
  [undefined, "GET", `${account}/cfd_tunnel/{tunnel}/configurations`],
  [undefined, "GET", `${account}/cfd_tunnel/{tunnel}/token`],
  [undefined, "GET", `${account}/cfd_tunnel/{tunnel}/connections`],
  [undefined, "DELETE", `${account}/cfd_tunnel/{tunnel}`],
  [
    "token",
    "POST",
    "/user/tokens",
    {
      name: "t",
      policies: [
        {
          effect: "allow",
          permission_groups: [{ id: "c8fed203ed3043cba015a93ad1616f1f" }],
          resources: { [`com.cloudflare.api.account.zone.${zoneId}`]: "*" },
        },
      ],
    },
  ],
  [undefined, "GET", "/user/tokens/{token}"],
  [undefined, "GET", "/user/tokens"],
  [undefined, "GET", "/user/tokens/verify"],
  [undefined, "GET", "/user/tokens/permission_groups"],
  [undefined, "PUT", "/user/tokens/{token}/value", {}],
  [undefined, "DELETE", "/user/tokens/{token}"],
  [
    "input",
    "POST",
    `${account}/stream/live_inputs`,
    { meta: { name: "x" }, recording: { mode: "automatic" } },
  ],
  [undefined, "GET", `${account}/stream/live_inputs/{input}`],
  [undefined, "GET", `${account}/stream/live_inputs`],
  ["hook", "POST", `${account}/alerting/v3/destinations/webhooks`, { name: "w", url: "http://127.0.0.1:9/" }],
  [undefined, "GET", `${account}/alerting/v3/destinations/webhooks/{hook}`],
  [
    "alert",
    "POST",
    `${account}/alerting/v3/policies`,
    {
      name: "n",
      alert_type: "incident_alert",
      enabled: true,
      mechanisms: { email: [{ id: "a@example.com" }] },
    },
  ],
  [undefined, "GET", `${account}/alerting/v3/policies`],
  [undefined, "GET", "/ips"],
  [undefined, "GET", "/accounts"],
  [undefined, "GET", account],
  // Refusals have a form of their own.
  [undefined, "GET", `${zone}/dns_records/${"f".repeat(32)}`],
  [undefined, "POST", `${account}/r2/buckets`, { name: "NO" }],
];

/** Where this server knowingly differs from the description of 2024. */
const differs: readonly { step: RegExp; problem: RegExp; why: string }[] = [
  {
    step: /^GET .*\/settings$/,
    problem: /^answer 200 \/result\/\d+/,
    why: "settings that are newer than the description",
  },
  {
    step: /^POST .*\/access\/tags$/,
    problem: /^request \/ must be string$/,
    why: "it describes the body as a string; SDK and provider send an object",
  },
  {
    step: /^GET .*\/r2\/buckets$/,
    problem: /\/result must be array$/,
    why: "the answer is {buckets} in today's SDK",
  },
  {
    step: /^(POST|PUT|PATCH) .*\/dns_records/,
    problem: /^request \/ must have required property '(id|proxiable|created_on|modified_on)'$/,
    why: "it describes the record that is answered as the one that is sent",
  },
  {
    step: /^PUT .*\/configurations$/,
    problem: /ingress\/\d+ must have required property 'hostname'$/,
    why: "the catch-all has no host name",
  },
];

if (existsSync(file)) {
  describe("requests and answers, against the OpenAPI description", () => {
    let bench: Bench;
    let contract: Contract;
    const ids = new Map<string, string>();
    beforeAll(async () => {
      bench = await startBench();
      contract = new Contract(JSON.parse(readFileSync(file, "utf8")) as Description);
    });
    afterAll(() => bench.close());

    const rows = steps.map(([name, method, template, given]) => ({ name, method, template, given }));
    it.each(rows)("$method $template", async ({ name, method, template, given }) => {
      const fill = (text: string): string =>
        text.replace(/\{(\w+)\}/g, (all, key: string) => ids.get(key) ?? all);
      const path = fill(template);
      const body = given === undefined ? undefined : (JSON.parse(fill(JSON.stringify(given))) as unknown);
      const reply = await bench.send(method, path, body);
      const result = reply.body?.result as { id?: string; uid?: string } | null | undefined;
      if (name !== undefined) ids.set(name, String(result?.id ?? result?.uid));
      const described = contract.pathOf(path.replace(/\?.*$/, ""));
      expect(described).toBeDefined();
      const problems = [
        ...(body === undefined || reply.status >= 400
          ? []
          : contract
              .problems(method, described!, "requestBody", body)
              .map((problem) => `request ${problem}`)),
        ...contract
          .problems(method, described!, reply.status, reply.body)
          .map((problem) => `answer ${reply.status} ${problem}`),
      ];
      const step = `${method} ${described!}`;
      const known = differs.filter((entry) => entry.step.test(step));
      expect(problems.filter((problem) => !known.some((entry) => entry.problem.test(problem)))).toEqual([]);
    });
  });
} else {
  it("requests and answers are not held against the OpenAPI description: ../shared/contracts is not beside this checkout", () => {
    console.warn(
      "skipped: ../shared/contracts is absent, so nothing is held against the OpenAPI description",
    );
    expect(existsSync(file)).toBe(false);
  });
}
