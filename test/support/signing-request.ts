import { execFileSync } from "node:child_process";

/** A signing request by openssl for a new key that nobody keeps, PEM. */
export function signingRequest(commonName: string): string {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"];
  return execFileSync("openssl", ["req", "-new", ...key, "-subj", `/CN=${commonName}`], {
    encoding: "utf8",
    stdio: "pipe",
  });
}
