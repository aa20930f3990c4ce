import type { ProviderDefinition } from "./definition";

/** The package schema that follows from the tables: names, what is required, what is secret, what replaces. */
export function schemaOf(provider: ProviderDefinition<never>): string {
  const anything = { $ref: "pulumi.json#/Any" };
  const resources = Object.entries(provider.resources).map(([token, definition]) => {
    const inputs = Object.entries(definition.inputs);
    const outputs = [...inputs.map(([name]) => name), ...(definition.computed ?? [])];
    const secret = new Set(definition.secretOutputs ?? []);
    return [
      token,
      {
        properties: Object.fromEntries(
          outputs.map((name) => [
            name,
            { ...anything, ...(secret.has(name) || definition.inputs[name]?.secret ? { secret: true } : {}) },
          ]),
        ),
        required: definition.computed ?? [],
        inputProperties: Object.fromEntries(
          inputs.map(([name, input]) => [
            name,
            {
              ...anything,
              ...(input.secret ? { secret: true } : {}),
              ...(input.replace ? { willReplaceOnChanges: true } : {}),
            },
          ]),
        ),
        requiredInputs: inputs.filter(([, input]) => input.required).map(([name]) => name),
      },
    ];
  });
  return JSON.stringify({
    name: provider.name,
    version: provider.version,
    resources: Object.fromEntries(resources) as unknown,
    functions: Object.fromEntries(Object.keys(provider.invokes ?? {}).map((token) => [token, {}])),
  });
}
