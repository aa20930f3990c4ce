import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Crc32c, Crc64Nvme } from "@aws-sdk/checksums/crc";

/** Checksums that S3 clients send, as headers `x-amz-checksum-<name>` name them. */
export const checksumNames = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;
export type ChecksumName = (typeof checksumNames)[number];

/** Bytes of each, before base64. */
const lengths: Readonly<Record<ChecksumName, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};

export interface Digester {
  update(bytes: Buffer): void;
  digest(): Promise<Buffer>;
}

/** Counts a digest while bytes pass. */
export function digester(name: ChecksumName | "md5"): Digester {
  switch (name) {
    case "crc32": {
      let value = 0;
      return {
        update: (bytes) => void (value = crc32(bytes, value)),
        digest: () => {
          const result = Buffer.alloc(4);
          result.writeUInt32BE(value);
          return Promise.resolve(result);
        },
      };
    }
    case "crc32c":
    case "crc64nvme": {
      const sum = name === "crc32c" ? new Crc32c() : new Crc64Nvme();
      return { update: (bytes) => sum.update(bytes), digest: async () => Buffer.from(await sum.digest()) };
    }
    case "md5":
    case "sha1":
    case "sha256": {
      const hash = createHash(name);
      return { update: (bytes) => void hash.update(bytes), digest: () => Promise.resolve(hash.digest()) };
    }
  }
}

export function isChecksumName(name: string): name is ChecksumName {
  return checksumNames.some((known) => known === name);
}

/** Whether a text can be a checksum of that kind: base64 of so many bytes. */
export function isChecksumText(name: ChecksumName, text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === lengths[name] && bytes.toString("base64") === text;
}

/** The checksum of an object that came in parts: over the parts' checksums, with their number. */
export async function compositeChecksum(name: ChecksumName, parts: readonly string[]): Promise<string> {
  const sum = digester(name);
  for (const part of parts) sum.update(Buffer.from(part, "base64"));
  return `${(await sum.digest()).toString("base64")}-${parts.length}`;
}
