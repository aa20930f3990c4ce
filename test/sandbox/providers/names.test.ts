import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { provider as aws } from "../../../sandbox/providers/aws/provider";
import { provider as command } from "../../../sandbox/providers/command/provider";
import type { ProviderDefinition } from "../../../sandbox/providers/definition";
import { provider as docker } from "../../../sandbox/providers/docker/provider";
import { sdkVersion } from "../../../sandbox/providers/install";
import { schemaOf } from "../../../sandbox/providers/schema";
import { provider as random } from "../../../sandbox/providers/random/provider";

const providers = [random, command, docker, aws] as unknown as ProviderDefinition<never>[];

/** What the SDK itself sends for a resource: its inputs, and the outputs that it expects beside them. */
function sdkNames(name: string, token: string): { inputs: string[]; outputs: string[] } {
  const [, module = "", type = ""] = token.split(":");
  const [folder = ""] = module.split("/");
  const file = `${type.charAt(0).toLowerCase()}${type.slice(1)}.js`;
  const base = join(projectRoot(), "node_modules", "@pulumi", name);
  const path = [join(base, folder, file), join(base, file)].find((candidate) => existsSync(candidate))!;
  const text = readFileSync(path, "utf8");
  expect(text).toContain(`'${token}'`);
  const all = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]!))].sort();
  return {
    inputs: all(/resourceInputs\["(\w+)"\] = [^;]*args\b/g),
    outputs: all(/resourceInputs\["(\w+)"\] = undefined \/\*out\*\//g),
  };
}

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  "names of %s",
  (name, provider) => {
    it("is the version of the SDK", () => expect(provider.version).toBe(sdkVersion(name as "random")));

    it.each(Object.keys(provider.resources))(
      "%s has no input or output that the SDK does not know",
      (token) => {
        const definition = provider.resources[token]!;
        const sdk = sdkNames(name, token);
        expect(sdk.inputs).toEqual(expect.arrayContaining(Object.keys(definition.inputs)));
        const outputs = new Set([...sdk.outputs, ...sdk.inputs]);
        expect([...outputs]).toEqual(expect.arrayContaining([...(definition.computed ?? [])]));
      },
    );

    it("has every input of the SDK where the whole type is served", () => {
      // These tables are partial on purpose: what is not in them is refused by name.
      const partial: Record<string, number> = { docker: 5, aws: 2 };
      if (name in partial) return expect(Object.keys(provider.resources)).toHaveLength(partial[name] ?? 0);
      for (const [token, definition] of Object.entries(provider.resources)) {
        expect([token, Object.keys(definition.inputs).sort()]).toEqual([token, sdkNames(name, token).inputs]);
      }
    });

    it("tells them in a schema", () => {
      const schema = JSON.parse(schemaOf(provider)) as { name: string; resources: Record<string, unknown> };
      expect(schema.name).toBe(name);
      expect(Object.keys(schema.resources)).toEqual(Object.keys(provider.resources));
    });
  },
);
