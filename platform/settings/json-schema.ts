import { z } from "zod";
import { NAMESPACE } from "./paths";
import { stackSchema } from "./schema/stack";

type JsonSchema = Record<string, unknown>;

const encrypted: JsonSchema = {
  type: "object",
  properties: { secure: { type: "string", description: "Encrypted by the engine." } },
  required: ["secure"],
  additionalProperties: false,
};

const secrets: JsonSchema = {
  description:
    "Secrets by name, each encrypted: `pulumi config set --secret --path 'groundwork:secrets.NAME'`. Or one encrypted map.",
  anyOf: [
    encrypted,
    { type: "object", propertyNames: { pattern: "^[A-Z][A-Z0-9_]{0,99}$" }, additionalProperties: encrypted },
  ],
};

/** The JSON Schema of a whole stack file, for editors: schemas/stack.schema.json. */
export function stackJsonSchema(): JsonSchema {
  const settings = z.toJSONSchema(stackSchema, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      // Limits of JavaScript's own numbers say nothing to a person.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  }) as {
    properties: Record<string, JsonSchema>;
    definitions?: Record<string, JsonSchema>;
    required?: string[];
  };
  const prefixed = (key: string): string => `${NAMESPACE}:${key}`;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "A stack file of Groundwork",
    description: "Made from platform/settings/schema by `npm run docs`; not edited by hand.",
    type: "object",
    properties: {
      config: {
        type: "object",
        description: "The settings of the environment.",
        properties: {
          ...Object.fromEntries(
            Object.entries(settings.properties).map(([key, schema]) => [prefixed(key), schema]),
          ),
          [prefixed("secrets")]: secrets,
        },
        patternProperties: { [`^(?!${NAMESPACE}:)[^:]+:`]: { description: "A setting of another package." } },
        additionalProperties: false,
        required: (settings.required ?? []).map(prefixed),
      },
      secretsprovider: { type: "string", description: "What encrypts the secrets. Default: a passphrase." },
      encryptionsalt: { type: "string", description: "Written by the engine." },
      encryptedkey: { type: "string", description: "Written by the engine." },
      environment: { description: "Pulumi ESC environments." },
    },
    required: ["config"],
    additionalProperties: false,
    ...(settings.definitions === undefined ? {} : { definitions: settings.definitions }),
  };
}
