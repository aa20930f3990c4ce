import { parseRange } from "../../edge/pages/range";
import type { BucketFiles, StoredObject } from "../bucket-files";
import { type BucketCall, objectHeaders, type Operation, quoted, storageClassOf, xmlAnswer } from "../call";
import { digester } from "../checksums";
import { mayWrite, readCondition } from "../conditions";
import { refusals } from "../errors";
import { decodedPath } from "../signature";
import { xmlDocument } from "../xml";
import { checkKey } from "./objects";
import { keepPart, partNumberOf, uploadOf } from "./multipart";

interface Source {
  readonly files: BucketFiles;
  readonly object: StoredObject;
}

/** The object that is copied, as far as the key may read it. @throws S3Error */
function sourceOf(call: BucketCall): Source {
  const text = decodedPath(call.headers["x-amz-copy-source"] ?? "").replace(/^\//, "");
  const [, name = "", key = ""] = /^([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (name === "") throw refusals.invalidArgument("Copy Source must mention the source bucket and key");
  if (/\?versionId=/.test(call.headers["x-amz-copy-source"] ?? ""))
    throw refusals.notImplemented("versionId is");
  const bucket = call.findBucket(name);
  const { jurisdiction } = bucket ?? call;
  if (!call.key.may("read", { name, jurisdiction })) throw refusals.accessDenied();
  if (bucket === undefined) throw refusals.noSuchBucket();
  const files = call.files(bucket);
  const object = files.get(key);
  if (object === undefined) throw refusals.noSuchKey();
  if (readCondition(call.headers, object, "x-amz-copy-source-") !== "go") throw refusals.preconditionFailed();
  return { files, object };
}

export const copyObject: Operation = {
  action: "write",
  async run(call) {
    const { objects, objectKey, headers, bucket, now } = call;
    checkKey(objectKey);
    const directive = headers["x-amz-metadata-directive"] ?? "COPY";
    if (directive !== "COPY" && directive !== "REPLACE")
      throw refusals.invalidArgument("Unknown metadata directive.");
    const { files, object } = sourceOf(call);
    if (files === objects && object.key === objectKey && directive === "COPY") {
      throw refusals.invalidRequest(
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata.",
      );
    }
    const said = directive === "REPLACE" ? objectHeaders(headers) : object;
    const storageClass = storageClassOf(headers, bucket);
    const { data } = await objects.stage(async (append) => {
      for await (const piece of files.read(object)) await append(piece as Buffer);
      return {};
    });
    if (!mayWrite(headers, objects.get(objectKey))) {
      objects.discard(data);
      throw refusals.preconditionFailed();
    }
    const { size, etag, checksums } = object;
    const modified = now.toISOString();
    const { standard, custom } = said;
    objects.put({ key: objectKey, data, size, etag, modified, standard, custom, storageClass, checksums });
    return xmlAnswer(xmlDocument("CopyObjectResult", { LastModified: modified, ETag: quoted(etag) }));
  },
};

export const copyPart: Operation = {
  action: "write",
  async run(call) {
    const { objects, headers, now } = call;
    const number = partNumberOf(call);
    const { upload } = uploadOf(call);
    const { files, object } = sourceOf(call);
    const wanted = headers["x-amz-copy-source-range"];
    const range = parseRange(wanted, object.size);
    if (range === "unsatisfiable") throw refusals.range(object.size);
    if (wanted !== undefined && range === undefined)
      throw refusals.invalidArgument(
        "The x-amz-copy-source-range value must be of the form bytes=first-last",
      );
    const md5 = digester("md5");
    const { data } = await objects.stage(async (append) => {
      for await (const piece of files.read(object, range)) {
        md5.update(piece as Buffer);
        await append(piece as Buffer);
      }
      return {};
    });
    const size = range === undefined ? object.size : range.end - range.start + 1;
    const etag = (await md5.digest()).toString("hex");
    const modified = now.toISOString();
    keepPart(call, upload, { number, data, size, etag, modified, checksums: {} });
    return xmlAnswer(xmlDocument("CopyPartResult", { LastModified: modified, ETag: quoted(etag) }));
  },
};
