import { createHash, randomBytes } from "node:crypto";
import type { StoredPart, StoredUpload } from "../bucket-files";
import {
  type BucketCall,
  checksumElements,
  checksumFields,
  checksumHeaders,
  objectHeaders,
  type Operation,
  quoted,
  type S3Answer,
  storageClassOf,
  storageClassWord,
  xmlAnswer,
} from "../call";
import { compositeChecksum, isChecksumName } from "../checksums";
import { mayWrite } from "../conditions";
import { refusals } from "../errors";
import { readPayload, readText } from "../payload";
import { elements, parseXml, textOf, xmlDocument, type XmlElement } from "../xml";
import { encoderFor, limitOf } from "./buckets";
import { checkKey } from "./objects";

const smallestPart = 5 * 1024 * 1024;
const mostParts = 10_000;

export const beginUpload: Operation = {
  action: "write",
  run({ objects, objectKey, headers, bucket, now }) {
    checkKey(objectKey);
    const algorithm = headers["x-amz-checksum-algorithm"]?.toLowerCase();
    if (algorithm !== undefined && !isChecksumName(algorithm))
      throw refusals.invalidRequest("Checksum algorithm provided is unsupported.");
    const upload: StoredUpload = {
      id: randomBytes(24).toString("base64url"),
      key: objectKey,
      begun: now.toISOString(),
      ...objectHeaders(headers),
      storageClass: storageClassOf(headers, bucket),
      ...(algorithm === undefined ? {} : { checksum: algorithm }),
    };
    objects.begin(upload);
    const told: Record<string, string> =
      algorithm === undefined
        ? {}
        : { "x-amz-checksum-algorithm": algorithm.toUpperCase(), "x-amz-checksum-type": "COMPOSITE" };
    return xmlAnswer(
      xmlDocument("InitiateMultipartUploadResult", {
        Bucket: bucket.name,
        Key: objectKey,
        UploadId: upload.id,
      }),
      told,
    );
  },
};

/** The upload of the call, with its parts. @throws S3Error NoSuchUpload */
export function uploadOf({ objects, objectKey, query }: BucketCall) {
  const found = objects.upload(query.get("uploadId") ?? "");
  if (found?.upload.key !== objectKey) throw refusals.noSuchUpload();
  return found;
}

/** @throws S3Error InvalidArgument */
export function partNumberOf({ query }: BucketCall): number {
  const text = query.get("partNumber") ?? "";
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > mostParts)
    throw refusals.invalidArgument(`Part number must be an integer between 1 and ${mostParts}, inclusive`);
  return number;
}

export const putPart: Operation = {
  action: "write",
  async run(call) {
    const { objects, now } = call;
    const number = partNumberOf(call);
    const { upload } = uploadOf(call);
    const { data, size, md5, checksums } = await objects.stage((append) => readPayload(call.payload, append));
    keepPart(call, upload, { number, data, size, etag: md5, modified: now.toISOString(), checksums });
    return { status: 200, headers: { etag: quoted(md5), ...checksumHeaders(checksums) } };
  },
};

/** Where the upload has ended meanwhile, the bytes are of no use. @throws S3Error NoSuchUpload */
export function keepPart({ objects }: BucketCall, upload: StoredUpload, part: StoredPart): void {
  if (objects.upload(upload.id) === undefined) {
    objects.discard(part.data);
    throw refusals.noSuchUpload();
  }
  objects.putPart(upload.id, part);
}

export const abortUpload: Operation = {
  action: "write",
  run(call) {
    call.objects.endUpload(uploadOf(call).upload.id);
    return { status: 204 };
  },
};

export const completeUpload: Operation = { action: "write", run: complete };

async function complete(call: BucketCall): Promise<S3Answer> {
  const { objects, objectKey, headers, bucket, now } = call;
  const { upload, parts: known } = uploadOf(call);
  const root = parseXml(await readText(call.payload, 4 * 1024 * 1024), "CompleteMultipartUpload");
  const parts = chosenParts(elements(root, "Part"), known);
  if (!mayWrite(headers, objects.get(objectKey))) throw refusals.preconditionFailed();
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const { data } = await objects.stage(async (append) => {
    for (const part of parts) for await (const piece of objects.read(part)) await append(piece as Buffer);
    return {};
  });
  if (objects.upload(upload.id) === undefined || !mayWrite(headers, objects.get(objectKey))) {
    objects.discard(data);
    if (objects.upload(upload.id) === undefined) throw refusals.noSuchUpload();
    throw refusals.preconditionFailed();
  }
  const { checksum, standard, custom, storageClass } = upload;
  const sums = checksum === undefined ? [] : parts.flatMap((part) => part.checksums[checksum] ?? []);
  const checksums =
    checksum !== undefined && sums.length === parts.length
      ? { [checksum]: await compositeChecksum(checksum, sums) }
      : {};
  const etag = etagOf(parts);
  const modified = now.toISOString();
  objects.put({ key: objectKey, data, size, etag, modified, standard, custom, storageClass, checksums });
  objects.endUpload(upload.id);
  return xmlAnswer(
    xmlDocument("CompleteMultipartUploadResult", {
      Location: `/${bucket.name}/${objectKey}`,
      Bucket: bucket.name,
      Key: objectKey,
      ETag: quoted(etag),
      ...checksumFields(checksums),
      ...(Object.keys(checksums).length > 0 ? { ChecksumType: "COMPOSITE" } : {}),
    }),
  );
}

/**
 * The parts that a client names, as they are kept.
 *
 * @throws S3Error where one is not there, they are out of order, one but the last is below 5 MiB or of another size
 */
function chosenParts(named: readonly XmlElement[], known: ReadonlyMap<number, StoredPart>): StoredPart[] {
  if (named.length === 0 || named.length > mostParts) throw refusals.malformedXml();
  let last = 0;
  const parts = named.map((entry) => {
    const number = Number(textOf(entry, "PartNumber"));
    if (number <= last) throw refusals.invalidPartOrder();
    last = number;
    const part = known.get(number);
    const etag = textOf(entry, "ETag")
      ?.trim()
      .replace(/^"(.*)"$/, "$1");
    if (part === undefined || part.etag !== etag) throw refusals.invalidPart();
    for (const [name, element] of Object.entries(checksumElements)) {
      const said = textOf(entry, element);
      if (said !== undefined && isChecksumName(name) && said !== part.checksums[name])
        throw refusals.invalidPart();
    }
    return part;
  });
  const before = parts.slice(0, -1);
  if (before.some(({ size }) => size < smallestPart)) throw refusals.entityTooSmall();
  if (
    before.some(({ size }) => size !== before[0]!.size) ||
    parts.at(-1)!.size > (before[0]?.size ?? Infinity)
  )
    throw refusals.invalidPart("All non-trailing parts must have the same length.");
  return parts;
}

/** MD5 over the MD5s of the parts, with their number: how S3 and R2 name what came in parts. */
function etagOf(parts: readonly StoredPart[]): string {
  const hash = createHash("md5");
  for (const { etag } of parts) hash.update(Buffer.from(etag, "hex"));
  return `${hash.digest("hex")}-${parts.length}`;
}

export const listParts: Operation = {
  action: "read",
  run(call) {
    const { query, bucket, objectKey } = call;
    const { upload, parts } = uploadOf(call);
    const most = limitOf(query.get("max-parts"), "max-parts");
    const after = Number(query.get("part-number-marker") ?? 0);
    const rest = [...parts.values()]
      .sort((left, right) => left.number - right.number)
      .filter(({ number }) => number > after);
    const page = rest.slice(0, most);
    return xmlAnswer(
      xmlDocument("ListPartsResult", {
        Bucket: bucket.name,
        Key: objectKey,
        UploadId: upload.id,
        StorageClass: storageClassWord(upload.storageClass),
        PartNumberMarker: after,
        NextPartNumberMarker: page.at(-1)?.number ?? 0,
        MaxParts: most,
        IsTruncated: rest.length > page.length,
        Part: page.map((part) => ({
          PartNumber: part.number,
          LastModified: part.modified,
          ETag: quoted(part.etag),
          Size: part.size,
          ...checksumFields(part.checksums),
        })),
      }),
    );
  },
};

export const listUploads: Operation = {
  action: "read",
  run({ query, bucket, objects }) {
    const most = limitOf(query.get("max-uploads"), "max-uploads");
    const encode = encoderFor(query);
    const prefix = query.get("prefix") ?? "";
    const marker = `${query.get("key-marker") ?? ""}\u0000${query.get("upload-id-marker") ?? "\uffff"}`;
    const rest = objects
      .uploads()
      .filter(({ key }) => key.startsWith(prefix))
      .map((upload) => ({ upload, place: `${upload.key}\u0000${upload.id}` }))
      .filter(({ place }) => !query.has("key-marker") || place > marker)
      .sort((left, right) => (left.place < right.place ? -1 : 1));
    const page = rest.slice(0, most).map(({ upload }) => upload);
    const last = rest.length > page.length ? page.at(-1) : undefined;
    return xmlAnswer(
      xmlDocument("ListMultipartUploadsResult", {
        Bucket: bucket.name,
        Prefix: encode(prefix),
        EncodingType: query.get("encoding-type"),
        MaxUploads: most,
        IsTruncated: last !== undefined,
        NextKeyMarker: last === undefined ? undefined : encode(last.key),
        NextUploadIdMarker: last?.id,
        Upload: page.map((upload) => ({
          Key: encode(upload.key),
          UploadId: upload.id,
          Initiated: upload.begun,
          StorageClass: storageClassWord(upload.storageClass),
        })),
      }),
    );
  },
};
