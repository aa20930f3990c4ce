import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { type Field, type Type } from "../../../sandbox/providers/cloudflare/shape";
import shapes from "../../../sandbox/providers/cloudflare/shapes.json";
import { tables } from "../../../sandbox/providers/cloudflare/tables";
import { shapeOf } from "../../../sandbox/providers/cloudflare/resource";
import { provider } from "../../../sandbox/providers/cloudflare/provider";
import { shapesOfSdk } from "./cloudflare-shapes-of-sdk";

const sdkFolder = dirname(require.resolve("@pulumi/cloudflare/package.json"));
const shapesFile = join(projectRoot(), "sandbox/providers/cloudflare/shapes.json");

/** Every property with its path as in a table's rules. */
function paths(fields: readonly Field[], prefix = ""): string[] {
  const below = (type: Type, path: string): string[] => {
    if (type.is === "list" || type.is === "map") return below(type.of, `${path}.*`);
    return type.is === "object" ? paths(type.fields, `${path}.`) : [];
  };
  return fields.flatMap(({ name, type }) => [`${prefix}${name}`, ...below(type, `${prefix}${name}`)]);
}

describe("shapes.json", () => {
  it("says what the installed SDK declares (UPDATE_SHAPES=1 writes it anew)", () => {
    const found = shapesOfSdk(sdkFolder, Object.keys(shapes.resources), Object.keys(shapes.functions));
    if (process.env["UPDATE_SHAPES"] === "1")
      writeFileSync(shapesFile, `${JSON.stringify(found, null, 2)}\n`);
    expect(JSON.parse(readFileSync(shapesFile, "utf8"))).toEqual(found);
  });

  it("is of the version that the provider stands for", () => {
    const manifest = JSON.parse(readFileSync(join(sdkFolder, "package.json"), "utf8")) as { version: string };
    expect(provider.version).toBe(manifest.version);
  });
});

describe("the tables of resources", () => {
  it("are one for each resource that has a shape, each once, and the reverse", () => {
    expect(tables.map(({ name }) => name).sort()).toEqual(
      Object.keys(shapes.resources)
        .filter((name) => name !== "ListItem")
        .sort(),
    );
  });

  it.each(tables.map((table) => [table.name, table] as const))(
    "%s names only properties that exist",
    (_, table) => {
      const { fields } = shapeOf(table);
      const names = new Set(fields.map(({ name }) => name));
      const known = new Set(paths(fields));
      const calls = [table.create, table.read, table.update, table.delete].flat().join(" ");
      const placeholders = [...calls.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
      const parts = table.importId?.split("/") ?? [];
      const special = (name: string) => name === "id" || name === "scope" || names.has(name);
      const recomputed = table.recomputed ?? [];
      expect([...placeholders, ...parts, table.id].filter((name) => !special(name))).toEqual([]);
      expect([...table.replace, ...recomputed].filter((name) => !names.has(name))).toEqual([]);
      expect(Object.keys(table.rules ?? {}).filter((path) => !known.has(path))).toEqual([]);
      expect(
        recomputed.filter((name) => fields.find((field) => field.name === name)?.kind !== "computed"),
      ).toEqual([]);
    },
  );

  // What Cloudflare's own client declares for the area; a name that is not among it would be a wrong one.
  const areas: readonly (readonly [RegExp, readonly string[]])[] = [
    [/^DnsRecord|^ZoneDns/, ["dns"]],
    [/^HostnameTls/, ["hostnames"]],
    [/^TieredCache/, ["cache"]],
    [/^UniversalSsl/, ["ssl"]],
    [/^Zone(Setting)?$/, ["zones"]],
    [/^Pages/, ["pages"]],
    [
      /^ZeroTrustAccess|^ZeroTrustOrg/,
      ["zero-trust/access", "zero-trust/identity-providers", "zero-trust/organizations"],
    ],
    [/^ZeroTrustTunnel/, ["zero-trust/tunnels"]],
    [/^R2/, ["r2"]],
    [/^Queue/, ["queues"]],
    [/Token$/, ["accounts", "user", "shared.d.ts"]],
    [/^Ruleset/, ["rulesets"]],
    [/^List/, ["rules"]],
    [/^Managed/, ["managed-transforms"]],
    [/^OriginCa/, ["origin-ca-certificates"]],
    [/^AuthenticatedOriginPulls/, ["origin-tls-client-auth"]],
    [/^Healthcheck/, ["healthchecks"]],
    [/^LoadBalancer/, ["load-balancers"]],
    [/^Notification/, ["alerting"]],
  ];
  /** Newer than the declarations of the client that is installed, or written by it in another way. */
  const newer = new Set([
    "ZeroTrustOrganization.mfa_configuration_allowed",
    "ZeroTrustOrganization.mfa_ssh_piv_key_requirements",
  ]);

  it.each(tables.map((table) => [table.name, table] as const))(
    "%s sends only names that the API knows",
    (name, table) => {
      const folders = areas.find(([pattern]) => pattern.test(name))?.[1] ?? [];
      const known = new Set(folders.flatMap(wordsOf));
      expect(known.size).toBeGreaterThan(10);
      const unknown: string[] = [];
      const walk = (fields: readonly Field[], path: string): void => {
        for (const field of fields) {
          if (field.kind === "computed" || field.rule.local) continue;
          const own = `${path}.${field.wire}`;
          if (!known.has(field.wire) && !newer.has(own)) unknown.push(own);
          for (let { type } = field; ; type = type.of) {
            if (type.is === "object") walk(type.fields, own);
            if (type.is !== "list" && type.is !== "map") break;
          }
        }
      };
      walk(shapeOf(table).fields, name);
      expect(unknown).toEqual([]);
    },
  );
});

const resources = join(projectRoot(), "node_modules", "cloudflare", "resources");
const declarations = readdirSync(resources, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".d.ts"),
);
const words = new Map<string, readonly string[]>();

/** Every word of the declarations in a folder, or of the file of that name, of the `cloudflare` SDK. */
function wordsOf(folder: string): readonly string[] {
  const known = words.get(folder);
  if (known) return known;
  const found = declarations
    .filter((file) => file === folder || file === `${folder}.d.ts` || file.startsWith(`${folder}/`))
    .flatMap((file) => readFileSync(join(resources, file), "utf8").match(/[A-Za-z_][A-Za-z_0-9-]*/g) ?? []);
  const distinct = [...new Set(found)];
  words.set(folder, distinct);
  return distinct;
}
