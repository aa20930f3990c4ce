import { z } from "zod";
import { lifetimeMilliseconds, lifetimes } from "../../../common/lifetime";
import { parseCron } from "../../../common/cron";
import { checked, field } from "./field";
import { branch } from "./sites";
import { entryName, imageReference, relativePath } from "./values";

const CRON_ALLOWED = "never, or five fields: minute hour day month weekday, such as `23 5 * * *`";

const test = field(
  z.strictObject({
    run: field(z.string().min(1), {
      description: "What is run by bash; it ends with 0 where all is well.",
      examples: ["mix test", "bun test"],
    }),
    directory: relativePath("The folder in which it runs. Default: the repository's.", [
      "frontend",
    ]).optional(),
    image: imageReference
      .meta({ description: "The image in which it runs. Default: the runner itself, with Node." })
      .optional(),
  }),
  { description: "Tests that must pass before this environment is deployed; run on pull requests as well." },
);

const runner = field(
  checked(z.string(), (value) =>
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(value)
      ? undefined
      : { what: "this is not the label of a runner", allowed: "letters, digits, dots and hyphens" },
  ),
  { description: "The label of a runner.", examples: ["ubuntu-24.04"] },
);

const state = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: field(z.literal("keys"), {
      description:
        "The address of the state is the repository's variable PULUMI_BACKEND_URL; keys to it are the secrets " +
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as for R2, which knows no OIDC.",
    }),
  }),
  z.strictObject({
    kind: field(z.literal("aws"), {
      description: "S3 with a role that the job takes on by OIDC: no key is kept anywhere.",
    }),
    role: field(
      checked(z.string(), (value) =>
        /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/.test(value)
          ? undefined
          : {
              what: "this is not the ARN of a role",
              allowed: "arn:aws:iam::<12 digits>:role/<name>",
            },
      ),
      { description: "The role's ARN.", examples: ["arn:aws:iam::000000000000:role/deploy"] },
    ),
    region: field(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/), {
      description: "The region.",
      allowed: "a region such as eu-central-1",
      examples: ["eu-central-1"],
    }),
  }),
  z.strictObject({
    kind: field(z.literal("pulumi-cloud"), {
      description: "Pulumi Cloud, with a token that the job gets by OIDC and that ends with it.",
    }),
    organization: field(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/), {
      description: "The organisation there.",
      allowed: "the name of an organisation of Pulumi Cloud",
      examples: ["streampai"],
    }),
  }),
]);

const pullRequests = field(
  z.strictObject({
    lifetime: field(
      checked(z.string(), (value) =>
        lifetimeMilliseconds(value) === undefined
          ? { what: "this is not a lifetime", allowed: lifetimes }
          : undefined,
      ),
      { description: "How long one stays after the last push to its pull request.", examples: ["3d"] },
    ).default("3d"),
    public: field(z.boolean(), {
      description: "Lets everybody in where this environment has no `groundwork:access`.",
    }).default(false),
  }),
  {
    description:
      "Each pull request gets an environment of its own, made from this one, which goes when it is closed. " +
      "In one stack file at most. Default: none does.",
  },
);

/** What `groundwork ci` makes of an environment. */
export const pipelines = field(
  z.strictObject({
    branch: branch(
      "A push to it deploys this environment. Default: with `groundwork:release` a pushed tag does, else somebody by hand.",
      ["main"],
    ).optional(),
    preview: field(z.boolean(), {
      description: "Whether pull requests get a preview of this environment.",
    }).default(true),
    drift: field(
      checked(z.string(), (value) =>
        value === "never" || parseCron(value) !== undefined
          ? undefined
          : { what: "this is not a schedule", allowed: CRON_ALLOWED },
      ),
      {
        description: "When it is looked for changes that were made outside, in UTC.",
        allowed: CRON_ALLOWED,
        examples: ["23 5 * * *", "never"],
      },
    ).default("23 5 * * *"),
    pullRequests: pullRequests.optional(),
    tests: field(z.record(entryName, test), {
      description: "Tests by name. Default: none.",
      examples: [{ backend: { run: "mix test", directory: "backend" } }],
    }).default({}),
    state: field(state, { description: "Where the state is, and how a job gets to it." }).prefault({
      kind: "keys",
    }),
    runner: runner
      .meta({ description: "The runner of jobs that reach hosts; GitHub's own have no IPv6." })
      .default("ubuntu-24.04"),
  }),
  { description: "What `groundwork ci` writes workflows of." },
);

export type PipelineSettings = z.output<typeof pipelines>;
