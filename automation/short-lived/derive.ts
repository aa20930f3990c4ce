/** A short-lived environment's stack file, made from that of another one. Pure: a text in, a text out. */
import { type Document, isMap, isScalar, parseDocument, Scalar, visit, type YAMLMap } from "yaml";
import { UserError } from "../../common/user-error";

/** What a stack file is made for. */
export interface Derivation {
  /** `pr-123` */
  readonly name: string;
  readonly template: string;
  /** ISO 8601 */
  readonly expires: string;
  /** Left out of Access although everybody on the internet may then come in. @default false */
  readonly isPublic?: boolean;
  /** Images of its own instead of the template's, by `<service>` or `<origin>.<service>`. @default the template's */
  readonly images?: Readonly<Record<string, string>>;
  /** Ids of the identity providers that the template has made: an account takes no second one of a kind. */
  readonly providers?: { readonly oneTimePin?: string | undefined; readonly github?: string | undefined };
}

/**
 * Makes the stack file: everything that only one environment can have gets a name of its own (host names, projects, buckets,
 * databases, tunnels), everything that is shared stays (hosts, account, secrets with what opens them). On a host whose ports the
 * template has, origins are reached by tunnels.
 *
 * @throws UserError where the template cannot be made two of: origins at platforms, swarms, databases elsewhere, several
 * services behind one proxy; or where nobody would have to log in
 * @example deriveStack(text, { name: "pr-12", template: "staging", expires: "2026-02-03T12:00:00Z" })
 */
export function deriveStack(text: string, derivation: Derivation): string {
  const { name, template, expires } = derivation;
  const document = parseDocument(text);
  const config = document.get("config");
  if (document.errors.length > 0 || !isMap(config))
    throw refused(template, "its stack file is not YAML", "mend it");
  if (/^\s+secure: /m.test(text) && !document.has("encryptionsalt") && !document.has("encryptedkey")) {
    throw refused(
      template,
      "its secrets are encrypted by Pulumi Cloud, for that stack alone",
      "encrypt them by a passphrase or a key: pulumi stack change-secrets-provider passphrase",
    );
  }
  const domain = textAt(document, ["groundwork:domain"]);
  assertDerivable(document, derivation);
  for (const key of ["zone", "release", "costs", "dev"]) document.deleteIn(["config", `groundwork:${key}`]);
  for (const [, entry] of entries(document, "origins")) throughTunnel(document, entry, template);
  renameHosts(document, domain, derivation);
  setImages(document, derivation);
  for (const [, { at }] of entries(document, "sites")) rename(document, [...at, "project"], derivation);
  for (const [, { at }] of entries(document, "origins")) rename(document, [...at, "project"], derivation);
  for (const [, { at }] of entries(document, "buckets")) rename(document, [...at, "name"], derivation);
  for (const [, { at, map }] of entries(document, "tunnels")) {
    if (map.has("name")) rename(document, [...at, "name"], derivation);
  }
  for (const [, { at, map }] of entries(document, "databases")) {
    rename(document, [...at, "database"], derivation, "_");
    if (map.has("project")) rename(document, [...at, "project"], derivation);
    document.deleteIn([...at, "listen"]);
    document.deleteIn([...at, "backups"]);
    document.setIn([...at, "allowReset"], true);
  }
  // What it loses is nobody's, and its database has no backups; packs judge it as they do all others.
  for (const key of ["risks", "proofOfRestore"]) {
    const rule = ["config", "groundwork:policies", key];
    if (document.hasIn(rule)) document.deleteIn(rule);
  }
  shareProviders(document, derivation);
  document.setIn(["config", "groundwork:tier"], "staging");
  document.setIn(["config", "groundwork:pipelines"], document.createNode({ preview: false, drift: "never" }));
  document.setIn(
    ["config", "groundwork:lifetime"],
    document.createNode({ template, expires: quoted(expires) }),
  );
  document.commentBefore = ` Made from Pulumi.${template}.yaml by \`groundwork env up ${name}\`; \`groundwork env gc\` removes it.`;
  return document.toString({ lineWidth: 0 });
}

/** The engine reads a moment without quotes as something else than text. */
function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

interface Entry {
  readonly name: string;
  readonly at: readonly string[];
  readonly map: YAMLMap;
}

function entries(document: Document, key: string): [string, Entry][] {
  const section = document.getIn(["config", `groundwork:${key}`]);
  if (!isMap(section)) return [];
  return section.items.flatMap(({ key: name, value }): [string, Entry][] => {
    const text = isScalar(name) ? String(name.value) : String(name);
    return isMap(value)
      ? [[text, { name: text, at: ["config", `groundwork:${key}`, text], map: value }]]
      : [];
  });
}

function assertDerivable(document: Document, { template, isPublic = false }: Derivation): void {
  for (const [name, { map }] of entries(document, "origins")) {
    const kind = map.get("kind");
    if (kind === "external" || kind === "swarm") {
      throw refused(
        template,
        kind === "external"
          ? `origins.${name} is an application at a platform, and nobody here can make a second one of it`
          : `origins.${name} is a swarm`,
        "write a stack of compose or tunnel origins and name it by --from",
      );
    }
  }
  for (const [name, { map }] of entries(document, "databases")) {
    if (map.get("kind") !== "container") {
      throw refused(
        template,
        `databases.${name} is a server elsewhere, on which nothing is made for a short time`,
        "write a stack with a database container and name it by --from",
      );
    }
  }
  if (!document.hasIn(["config", "groundwork:access"]) && !isPublic) {
    throw refused(
      template,
      "it has no groundwork:access, so everybody on the internet could come in",
      "write groundwork:access into it, or say --public",
    );
  }
}

/** The services of all origins, and what is run of each. */
function servicesOf(
  document: Document,
): { readonly origin: string; readonly name: string; readonly map: YAMLMap }[] {
  return entries(document, "origins").flatMap(([origin, { map }]) => {
    const services = map.get("services");
    if (!isMap(services)) return [];
    return services.items.flatMap(({ key, value }) =>
      isMap(value) ? [{ origin, name: String(isScalar(key) ? key.value : key), map: value }] : [],
    );
  });
}

/**
 * The images that a stack file gives its services, by `<origin>.<service>`.
 *
 * @param text of a stack file that is one
 */
export function imagesOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    servicesOf(parseDocument(text)).flatMap(({ origin, name, map }) => {
      const image = map.get("image");
      return typeof image === "string" ? [[`${origin}.${name}`, image]] : [];
    }),
  );
}

function setImages(document: Document, { images = {}, template }: Derivation): void {
  const services = servicesOf(document);
  const names = services.map(({ name, origin }) => `${origin}.${name}`);
  for (const [named, image] of Object.entries(images)) {
    const meant = services.filter(({ name, origin }) => named === `${origin}.${name}` || named === name);
    const [service] = meant;
    if (service === undefined || meant.length > 1) {
      throw new UserError({
        what: `${meant.length === 0 ? "no service" : "more than one service"} of ${template} is meant by that image's name`,
        value: named,
        allowed: names.length === 0 ? "a service with an image in the stack file" : names.join(", "),
        next: `npx groundwork env up --image ${names[0] ?? "api.web"}=registry.example/image:tag`,
      });
    }
    service.map.set("image", image);
  }
}

/** Logs in by the template's identity providers, instead of making further ones. */
function shareProviders(document: Document, { providers = {} }: Derivation): void {
  const at = ["config", "groundwork:access"];
  if (!document.hasIn(at)) return;
  if (providers.oneTimePin !== undefined && !document.hasIn([...at, "oneTimePinProviderId"])) {
    document.setIn([...at, "oneTimePinProviderId"], providers.oneTimePin);
  }
  if (providers.github !== undefined && document.hasIn([...at, "github", "clientId"])) {
    for (const key of ["clientId", "clientSecretSecret"]) document.deleteIn([...at, "github", key]);
    document.setIn([...at, "github", "identityProviderId"], providers.github);
  }
}

/** A host's ports are the template's: an origin that publishes some is reached by a tunnel of its own instead. */
function throughTunnel(document: Document, { name, at, map }: Entry, template: string): void {
  if (map.get("kind") !== "compose") return;
  const hostnames = (document.getIn([...at, "hostnames"]) as YAMLMap | undefined)?.toJSON() as unknown;
  const services = isMap(map.get("services")) ? (map.get("services") as YAMLMap) : undefined;
  const serving = (services?.items ?? []).filter(({ value }) => isMap(value) && value.has("port"));
  const [only] = serving;
  if (only === undefined || serving.length > 1 || !isMap(only.value)) {
    throw refused(
      template,
      `origins.${name} has ${serving.length === 0 ? "no" : "more than one"} service with a port, and its host's ports are taken`,
      "write it as kind: tunnel, whose ingress says which name leads to which service",
    );
  }
  const service = String(isScalar(only.key) ? only.key.value : only.key);
  const port = String(only.value.get("port"));
  for (const key of ["publish", "tls", "strategy"]) only.value.delete(key);
  for (const key of [
    "hostnames",
    "proxied",
    "addresses",
    "originCertificate",
    "ownCertificate",
    "proxy",
    "probe",
    "closedPorts",
  ])
    map.delete(key);
  map.set("kind", "tunnel");
  map.set("tunnel", name);
  document.setIn(
    ["config", "groundwork:tunnels", name],
    document.createNode({
      ingress: Object.fromEntries(
        (hostnames as readonly string[]).map((hostname) => [hostname, `http://${service}:${port}`]),
      ),
    }),
  );
}

/** Every host name below the domain, wherever it stands, gets the environment's name in its first label. */
function renameHosts(document: Document, domain: string, { name, template }: Derivation): void {
  const escaped = domain.replaceAll(".", "\\.");
  const pattern = new RegExp(
    `(?<![A-Za-z0-9.@_-])((?:[a-z0-9-]+\\.)*)${escaped}(?![A-Za-z0-9-]|\\.[A-Za-z0-9])`,
    "g",
  );
  const renamed = (text: string): string =>
    text.replace(pattern, (_whole, labels: string) => `${labelFor(labels, name, template)}.${domain}`);
  visit(document, {
    Pair: (_key, pair, path) => {
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      const depth = path.filter(isMap).length;
      const leftAlone = ["groundwork:domain", "groundwork:secrets", "groundwork:hosts", "groundwork:cookies"];
      if (key === "groundwork:cookies" && isMap(pair.value)) {
        // The domain of cookies is above all names; their host names are the environment's own.
        const hostnames = pair.value.get("hostnames", true);
        visit(hostnames as never, { Scalar: (_at, scalar) => setText(scalar, renamed) });
      }
      // A registry below the domain stays what it is.
      if (key === "image" || key === "registry") return visit.SKIP;
      if (depth === 2 && typeof key === "string" && leftAlone.includes(key)) return visit.SKIP;
      if (depth === 1 && key !== "config") return visit.SKIP;
      return undefined;
    },
    Scalar: (_key, scalar) => setText(scalar, renamed),
  });
}

function setText(scalar: { value: unknown }, change: (text: string) => string): void {
  if (typeof scalar.value === "string") scalar.value = change(scalar.value);
}

/** `` -> `pr-1`; `staging.` -> `pr-1`; `api-staging.` -> `api-pr-1`; `media.` -> `media-pr-1`. One label: certificates have one. */
function labelFor(labels: string, name: string, template: string): string {
  const label = labels
    .split(".")
    .filter((part) => part !== "")
    .join("-");
  return label === "" ? name : withName(label, name, template, "-");
}

/** A name with the template's in it gets the environment's in its place; another one gets it behind. */
export function withName(text: string, name: string, template: string, separator: "-" | "_"): string {
  const own = separator === "_" ? name.replaceAll("-", "_") : name;
  const parts = text.split(separator);
  const at = parts.indexOf(template);
  if (at >= 0) return parts.with(at, own).join(separator);
  return `${text}${separator}${own}`;
}

function rename(
  document: Document,
  at: readonly string[],
  { name, template }: Derivation,
  separator: "-" | "_" = "-",
): void {
  const before = document.getIn(at);
  if (typeof before === "string") document.setIn(at, withName(before, name, template, separator));
}

function textAt(document: Document, path: readonly string[]): string {
  const text = document.getIn(["config", ...path]);
  return typeof text === "string" ? text : "";
}

function refused(template: string, what: string, next: string): UserError {
  return new UserError({ what: `no short-lived environment can be made of ${template}: ${what}`, next });
}
