import fc from "fast-check";
import type { Step } from "./events";

const types = [
  "cloudflare:index/dnsRecord:DnsRecord",
  "cloudflare:index/r2Bucket:R2Bucket",
  "cloudflare:index/zoneSetting:ZoneSetting",
  "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication",
  "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy",
  "command:remote:Command",
  "random:index/randomPassword:RandomPassword",
  "aws:s3/bucketV2:BucketV2",
];
const members = [
  "name",
  "type",
  "content",
  "value",
  "settingId",
  "domain",
  "bucketName",
  "stdin",
  "policies",
  "x y",
];
const texts = fc.oneof(
  fc.constantFrom(
    "A",
    "api.example.com",
    "203.0.113.1",
    "<script>alert(1)</script>",
    "`|*_@me #1\n```",
    "]]>--> -->",
  ),
  fc.string({ maxLength: 30, unit: "grapheme" }),
);

/** Values as inputs have them; `leaf` is put in among the texts. */
function values(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  const value = fc.oneof(
    { maxDepth: 2 },
    texts,
    fc.integer(),
    fc.boolean(),
    fc.constant("04da6b54-80e4-46f7-96ec-b56ff0331ba9"),
    leaf,
    fc.array(fc.oneof(texts, leaf), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...members), fc.oneof(texts, leaf), { maxKeys: 3 }),
  );
  return fc.dictionary(fc.constantFrom(...members), value, { maxKeys: 4 });
}

const operations = [
  "create",
  "update",
  "delete",
  "replace",
  "create-replacement",
  "delete-replaced",
  "same",
  "read",
  "import",
];

/** Any step, with hostile texts, and with `leaf` somewhere among its values. */
export function stepWith(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<Step> {
  const side = fc.option(values(leaf), { nil: undefined });
  return fc
    .record({
      op: fc.constantFrom(...operations),
      name: fc
        .string({ minLength: 1, maxLength: 40, unit: "grapheme" })
        .map((name) => name.replaceAll("::", "-")),
      type: fc.constantFrom(...types),
      component: fc.option(
        fc.constantFrom(
          ["AppOrigin", "api"] as const,
          ["R2Buckets", "buckets"] as const,
          ["Own|Kind", "a<b>"] as const,
        ),
        { nil: undefined },
      ),
      before: side,
      after: side,
      diffs: fc.subarray(members),
      keys: fc.subarray(members),
    })
    .map(({ component, before, after, ...step }) => ({
      ...step,
      ...(component === undefined ? {} : { component }),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    }));
}

export const step = stepWith(texts);
