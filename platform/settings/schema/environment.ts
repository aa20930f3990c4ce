import { z } from "zod";
import { checked, field } from "./field";
import { amount, secretName } from "./values";

/** A value that another part of the stack makes. */
export const fromReference = z.strictObject({
  from: field(z.string().min(1), {
    description:
      "Where the value comes from: `databases.<name>.appUrl`, `buckets.<name>.accessKeyId`, `origins.<name>.url` and " +
      "so on; docs/settings.md lists them all.",
    examples: ["databases.main.appUrl", "buckets.media.secretAccessKey"],
  }),
});

export const generated = z.strictObject({
  generate: amount(
    "characters",
    16,
    256,
    "Made once, at random, of letters and digits, and kept as a secret in the stack's state.",
    [64],
  ),
});

export const fromSecret = z.strictObject({
  secret: secretName("The name of an entry of groundwork:secrets."),
});

const ALLOWED = "text, {from: <output>}, {generate: <length>} or {secret: <name>}";

export const environmentValue = field(z.union([z.string(), fromReference, generated, fromSecret]), {
  id: "environmentValue",
  description: `The value of one environment variable: ${ALLOWED}. Numbers and true/false are written in quotes.`,
  allowed: `${ALLOWED}; numbers and true/false in quotes`,
  examples: [
    "https://api.streampai.com",
    { from: "databases.main.appUrl" },
    { generate: 64 },
    { secret: "SENTRY_DSN" },
  ],
});

const variableName = field(
  checked(z.string(), (name) =>
    /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)
      ? undefined
      : {
          what: "this is not the name of an environment variable",
          allowed: "letters, digits and underscores, not starting with a digit",
        },
  ),
  {
    description: "The name of the variable.",
    allowed: "letters, digits and underscores, not starting with a digit",
    pattern: "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
  },
);

/** Environment variables: name -> value. */
export const environment = (description: string) =>
  field(z.record(variableName, environmentValue), {
    description,
    examples: [
      { PORT: "4000", SECRET_KEY_BASE: { generate: 64 }, DATABASE_URL: { from: "databases.main.appUrl" } },
    ],
  });

export type EnvironmentValue = z.output<typeof environmentValue>;
export type Environment = z.output<ReturnType<typeof environment>>;
