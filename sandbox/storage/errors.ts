/** An answer that refuses, as S3 words it: XML with a code and a message. */
export class S3Error extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Headers of the answer besides its content type. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

const error =
  (status: number, code: string, standard: string) =>
  (message = standard): S3Error =>
    new S3Error(status, code, message);

/** The refusals by what happened, with the codes and statuses that R2 documents. */
export const refusals = {
  unauthorized: error(401, "Unauthorized", "Unauthorized"),
  accessDenied: error(403, "AccessDenied", "Access Denied"),
  signature: error(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.",
  ),
  expired: error(403, "ExpiredRequest", "Request has expired"),
  skewed: error(
    403,
    "RequestTimeTooSkewed",
    "The difference between the request time and the server's time is too large.",
  ),
  invalidArgument: error(400, "InvalidArgument", "Invalid Argument"),
  invalidRequest: error(400, "InvalidRequest", "Invalid Request"),
  invalidUri: error(400, "InvalidURI", "Couldn't parse the specified URI."),
  invalidRegion: error(
    400,
    "InvalidRegionName",
    "The region name is not valid. Must be one of: wnam, enam, weur, eeur, apac, oc, auto",
  ),
  noSuchBucket: error(404, "NoSuchBucket", "The specified bucket does not exist."),
  noSuchKey: error(404, "NoSuchKey", "The specified key does not exist."),
  noSuchUpload: error(404, "NoSuchUpload", "The specified multipart upload does not exist."),
  bucketNotEmpty: error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty."),
  objectName: error(400, "InvalidObjectName", "The specified object name is not valid."),
  entityTooLarge: error(
    400,
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed object size.",
  ),
  entityTooSmall: error(
    400,
    "EntityTooSmall",
    "Your proposed upload is smaller than the minimum allowed object size.",
  ),
  metadataTooLarge: error(
    400,
    "MetadataTooLarge",
    "Your metadata headers exceed the maximum allowed metadata size.",
  ),
  missingLength: error(411, "MissingContentLength", "You must provide the Content-Length HTTP header."),
  incompleteBody: error(
    400,
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
  ),
  invalidDigest: error(400, "InvalidDigest", "The checksum you specified is not valid."),
  badDigest: error(400, "BadDigest", "The checksum you specified did not match what we received."),
  payloadHash: error(
    400,
    "XAmzContentSHA256Mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ),
  preconditionFailed: error(
    412,
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold.",
  ),
  invalidPart: error(400, "InvalidPart", "One or more of the specified parts could not be found."),
  invalidPartOrder: error(
    400,
    "InvalidPartOrder",
    "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
  ),
  malformedXml: error(
    400,
    "MalformedXML",
    "The XML you provided was not well formed or did not validate against our published schema.",
  ),
  notAllowed: error(405, "MethodNotAllowed", "The specified method is not allowed against this resource."),
  notImplemented: (what: string): S3Error => new S3Error(501, "NotImplemented", `${what} not implemented`),
  range: (size: number): S3Error =>
    new S3Error(416, "InvalidRange", "The requested range is not satisfiable", {
      "content-range": `bytes */${size}`,
    }),
} as const;
