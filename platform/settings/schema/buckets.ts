import { z } from "zod";
import { complainAboutHostname } from "../hostnames";
import { checked, field, type Complaint } from "./field";
import { complainAboutServiceUrl } from "./cloudflare";
import { amount, cloudflareId, entryName, hostname } from "./values";

const NAME = "3 to 63 lower-case letters, digits and hyphens, not starting or ending with a hyphen";

function complainAboutBucketName(value: string): Complaint | undefined {
  const complain = (what: string): Complaint => {
    const better = value.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
    const usable = better !== value && /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(better);
    return { what, allowed: NAME, fix: usable ? `write ${better}` : undefined };
  };
  if (value.length < 3 || value.length > 63)
    return complain(`the bucket's name has ${value.length} characters`);
  if (/[A-Z]/.test(value)) return complain("the bucket's name has capital letters");
  if (/[_.]/.test(value)) return complain("R2 takes no underscores and dots in a bucket's name");
  if (!/^[a-z0-9-]+$/.test(value)) return complain("R2 does not take these characters in a bucket's name");
  if (/^-|-$/.test(value)) return complain("the bucket's name starts or ends with a hyphen");
  return undefined;
}

const ORIGIN = "`*`, or scheme and host without a slash at the end: https://streampai.com";

function complainAboutOrigin(value: string): Complaint | undefined {
  const complain = (what: string, fix?: string): Complaint => ({ what, allowed: ORIGIN, fix });
  if (value === "*") return undefined;
  const match = /^(https?):\/\/(\[[0-9a-f:]+\]|[^/:?#\s]+)(:\d{1,5})?(.*)$/i.exec(value);
  if (match === null)
    return complain("this is not an origin", isBareHost(value) ? `write https://${value}` : undefined);
  const [, scheme = "", name = "", portPart = "", rest = ""] = match;
  if (rest !== "") return complain("an origin has no path", `write ${scheme}://${name}${portPart}`);
  if (name === "localhost" || name.startsWith("[") || name.startsWith("*.") || /^[\d.]+$/.test(name))
    return undefined;
  const about = complainAboutHostname(name);
  return about === undefined ? undefined : complain(about.what);
}

function isBareHost(value: string): boolean {
  return complainAboutHostname(value) === undefined;
}

const MOST_DAYS = 36_500;

/** Days, with an eye on numbers that must have been meant as seconds. */
const days = (description: string) =>
  field(
    checked(z.int().min(1), (value) =>
      value > MOST_DAYS
        ? {
            what: `${value} days are ${Math.round(value / 365)} years: this looks like seconds`,
            allowed: `a whole number of days from 1 to ${MOST_DAYS}`,
            fix:
              value % 86_400 === 0
                ? `write ${value / 86_400} (${value} seconds in days)`
                : `write days: ${value} seconds are ${(value / 86_400).toFixed(1)} days`,
          }
        : undefined,
    ),
    { description, unit: "days", allowed: `a whole number of days from 1 to ${MOST_DAYS}`, examples: [30] },
  );

const corsRule = z.strictObject({
  origins: field(
    z
      .array(field(checked(z.string(), complainAboutOrigin), { description: "An origin.", allowed: ORIGIN }))
      .min(1)
      .max(100),
    {
      description: "Web pages of which origins may use the bucket.",
      examples: [["https://streampai.com"]],
      allowed: ORIGIN,
    },
  ),
  methods: field(z.array(z.enum(["GET", "PUT", "POST", "DELETE", "HEAD"])).min(1), {
    description: "Which methods.",
    examples: [["GET", "PUT"]],
  }).default(["GET", "HEAD"]),
  headers: field(z.array(z.string().min(1)).max(100), {
    description: "Request headers that pages may send; `*` for all.",
    examples: [["content-type"]],
  }).default([]),
  exposeHeaders: field(z.array(z.string().min(1)).max(100), {
    description: "Response headers that pages may read.",
    examples: [["etag"]],
  }).default([]),
  maxAgeSeconds: amount("seconds", 0, 86_400, "How long browsers remember the answer.", [3600]).default(3600),
});

const lifecycleRule = z.strictObject({
  prefix: field(z.string().max(1024), {
    description: "Objects whose names start with this. Default: all.",
    examples: ["uploads/"],
  }).default(""),
  deleteAfterDays: days("Deletes objects of this age.").optional(),
  infrequentAccessAfterDays: days(
    "Moves objects of this age to the cheaper class with paid reads.",
  ).optional(),
  abortUploadsAfterDays: days(
    "Drops multipart uploads that were begun this long ago. Default: 7 for the whole bucket, as R2 does.",
  ).optional(),
});

const queueName = "1 to 63 lower-case letters, digits and hyphens, not starting or ending with a hyphen";

const notificationRule = z.strictObject({
  queue: field(
    checked(z.string(), (value) =>
      /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
        ? undefined
        : { what: "this is not the name of a queue", allowed: queueName },
    ),
    {
      description: "The queue that is told; made with the bucket. Either this or `queueId`.",
      examples: ["streampai-uploads"],
      allowed: queueName,
    },
  ).optional(),
  queueId: cloudflareId("The id of a queue that is there already.").optional(),
  actions: field(
    z
      .array(
        z.enum(["PutObject", "CopyObject", "DeleteObject", "CompleteMultipartUpload", "LifecycleDeletion"]),
      )
      .min(1),
    {
      description: "What it is told of. Large uploads end with CompleteMultipartUpload, without a PutObject.",
      examples: [["PutObject", "CompleteMultipartUpload"]],
    },
  ),
  prefix: field(z.string().max(1024), {
    description: "Objects whose names start with this. Default: all.",
    examples: ["uploads/"],
  }).optional(),
  suffix: field(z.string().max(1024), {
    description: "Objects whose names end with this. Default: all.",
    examples: [".flac"],
  }).optional(),
  description: field(z.string().max(500), { description: "Shown in the dashboard." }).optional(),
});

export const storage = field(
  z.strictObject({
    endpoint: field(
      checked(z.string(), (value) => complainAboutServiceUrl(value, "objects")),
      {
        description:
          "Where the S3 interface of R2 answers, buckets in the path. Default: Cloudflare's, " +
          "https://<account>.r2.cloudflarestorage.com. The sandbox puts its own here, in its own copy of the file.",
        examples: ["http://127.0.0.1:9000"],
        allowed: "an https:// URL; http:// only for a server on this machine",
      },
    ).optional(),
    credentialsVersion: field(z.int().min(1), {
      description:
        "Raise it by one to give every consumer of every bucket new S3 keys. Those of before stay valid until the next " +
        "raise, so that nothing is refused meanwhile.",
      allowed: "a whole number from 1",
      examples: [2],
    }).default(1),
    revokePreviousCredentials: field(z.boolean(), {
      description: "Ends the S3 keys of the version before at once: for keys that have leaked.",
    }).default(false),
  }),
  { description: "What all buckets of the stack have in common." },
);

export const bucket = field(
  z.strictObject({
    name: field(checked(z.string(), complainAboutBucketName), {
      description: "The bucket's name in the account. Two stacks never share one.",
      examples: ["streampai-media-staging"],
      allowed: NAME,
      pattern: "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
    }),
    location: field(z.enum(["wnam", "enam", "weur", "eeur", "apac", "oc"]), {
      description:
        "Where the data should be: west or east North America, west or east Europe, Asia-Pacific, Oceania. A hint that " +
        "counts only when the bucket is made. Default: near whoever makes it.",
    }).optional(),
    jurisdiction: field(z.enum(["default", "eu", "us", "fedramp"]), {
      description:
        "A guarantee of where the data stays. Another one means another bucket. Excludes `location`.",
    }).default("default"),
    storageClass: field(z.enum(["Standard", "InfrequentAccess"]), {
      description: "The class of new objects; the free allowance is for Standard only.",
    }).default("Standard"),
    public: field(z.boolean(), {
      description: "Opens the bucket at its r2.dev address: rate limited, for development.",
    }).default(false),
    customDomain: hostname(
      "A host name below the domain at which everybody can read the bucket. Default: none.",
      ["media.streampai.com"],
    ).optional(),
    minTlsVersion: field(z.enum(["1.2", "1.3"]), {
      description: "The oldest TLS at the custom domain. In quotes.",
      allowed: '"1.2" or "1.3" ("1.0" and "1.1" are broken), in quotes',
    }).default("1.2"),
    cors: field(z.array(corsRule).max(50), {
      description: "What web pages may do. Default: nothing.",
    }).default([]),
    lifecycle: field(z.array(lifecycleRule).max(100), {
      description:
        "What happens to old objects. `[]` ends the rules that were there; where it is left out, they stay at Cloudflare. " +
        "Default: not managed, which in a new bucket is nothing.",
    }).optional(),
    notifications: field(z.array(notificationRule).max(100), {
      description:
        "Queues that are told what happens. No event may fit two rules of one bucket. While rules change, events of a " +
        "moment are lost. Default: none.",
    }).default([]),
    consumers: field(z.record(entryName, z.enum(["read", "write"])), {
      description:
        "Who gets S3 credentials, by name: an origin's name lets that origin's environment use " +
        "`{from: buckets.<name>.accessKeyId}`. `write` includes reading. One consumer has one key for all its buckets.",
      examples: [{ api: "write" }],
    }).default({}),
  }),
  { description: "An R2 bucket, private unless said otherwise." },
);

export type BucketSettings = z.output<typeof bucket>;
