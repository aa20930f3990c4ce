import type { StoredObject } from "../bucket-files";
import {
  type BucketCall,
  type Operation,
  quoted,
  type S3Answer,
  type S3Call,
  storageClassWord,
  xmlAnswer,
} from "../call";
import { refusals } from "../errors";
import { listPage } from "../list";
import { readText } from "../payload";
import { elements, parseXml, textOf, xmlDocument, type XmlValue } from "../xml";

/** Buckets of the account, or of the jurisdiction whose host was asked. */
export function listBuckets({ account, jurisdiction, query }: S3Call): S3Answer {
  const prefix = query.get("prefix") ?? "";
  const buckets = account
    .buckets()
    .filter((bucket) => bucket.jurisdiction === jurisdiction && bucket.name.startsWith(prefix))
    .map(({ name, creationDate }) => ({ Name: name, CreationDate: creationDate }));
  return xmlAnswer(
    xmlDocument("ListAllMyBucketsResult", {
      Owner: { ID: account.accountId, DisplayName: account.accountId },
      Buckets: { Bucket: buckets },
    }),
  );
}

export const headBucket: Operation = {
  action: "read",
  run: () => ({ status: 200, headers: { "content-length": 0 } }),
};

export const bucketLocation: Operation = {
  action: "read",
  run: () => xmlAnswer(xmlDocument("LocationConstraint", "auto")),
};

export const listObjectsV2: Operation = {
  action: "read",
  run(call) {
    const { query, bucket } = call;
    const token = query.get("continuation-token");
    const common = listed(call, token === undefined ? (query.get("start-after") ?? "") : decodeToken(token));
    const { page } = common;
    return xmlAnswer(
      xmlDocument("ListBucketResult", {
        Name: bucket.name,
        ...common.fields,
        KeyCount: page.objects.length + page.commonPrefixes.length,
        StartAfter: query.has("start-after") ? common.encode(query.get("start-after")!) : undefined,
        ContinuationToken: token,
        NextContinuationToken:
          page.next === undefined ? undefined : Buffer.from(page.next).toString("base64url"),
      }),
    );
  },
};

export const listObjects: Operation = {
  action: "read",
  run(call) {
    const marker = call.query.get("marker") ?? "";
    const { page, fields, encode } = listed(call, marker);
    return xmlAnswer(
      xmlDocument("ListBucketResult", {
        Name: call.bucket.name,
        ...fields,
        Marker: encode(marker),
        NextMarker: page.next === undefined ? undefined : encode(page.next),
      }),
    );
  },
};

function listed({ query, objects }: BucketCall, after: string) {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const most = limitOf(query.get("max-keys"), "max-keys");
  const encode = encoderFor(query);
  const page = listPage(objects.sorted(), { prefix, delimiter, after, most });
  const fields: Record<string, XmlValue> = {
    Prefix: encode(prefix),
    Delimiter: delimiter === "" ? undefined : encode(delimiter),
    EncodingType: query.get("encoding-type"),
    MaxKeys: most,
    IsTruncated: page.next !== undefined,
    Contents: page.objects.map((object) => contents(object, encode)),
    CommonPrefixes: page.commonPrefixes.map((entry) => ({ Prefix: encode(entry) })),
  };
  return { page, fields, encode };
}

function contents(object: StoredObject, encode: (text: string) => string): XmlValue {
  return {
    Key: encode(object.key),
    LastModified: object.modified,
    ETag: quoted(object.etag),
    Size: object.size,
    StorageClass: storageClassWord(object.storageClass),
  };
}

/** `encoding-type=url` is for keys with characters that XML cannot hold. @throws S3Error InvalidArgument */
export function encoderFor(query: ReadonlyMap<string, string>): (text: string) => string {
  const encoding = query.get("encoding-type");
  if (encoding === undefined) return (text) => text;
  if (encoding !== "url") throw refusals.invalidArgument("Invalid Encoding Method specified in Request");
  return (text) => encodeURIComponent(text).replaceAll("%2F", "/");
}

/** 0 to 1000, and 1000 for anything above or where nothing is said. @throws S3Error InvalidArgument */
export function limitOf(text: string | undefined, name: string): number {
  if (text === undefined) return 1000;
  if (!/^\d{1,10}$/.test(text)) throw refusals.invalidArgument(`Argument ${name} must be an integer from 0`);
  return Math.min(Number(text), 1000);
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, "base64url").toString();
  if (text === "") throw refusals.invalidArgument("The continuation token provided is incorrect");
  return text;
}

const mostDeletions = 1000;

export const deleteObjects: Operation = {
  action: "write",
  async run({ payload, objects }) {
    const root = parseXml(await readText(payload, 2 * 1024 * 1024), "Delete");
    const keys = elements(root, "Object").map((entry) => textOf(entry, "Key"));
    if (keys.length === 0 || keys.length > mostDeletions || keys.includes(undefined))
      throw refusals.malformedXml();
    for (const key of keys) objects.delete(key!);
    const quiet = textOf(root, "Quiet")?.trim() === "true";
    return xmlAnswer(xmlDocument("DeleteResult", { Deleted: quiet ? [] : keys.map((Key) => ({ Key })) }));
  },
};
