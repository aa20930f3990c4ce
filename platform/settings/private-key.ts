const FORM = /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** Does the text begin as a private key's file does? */
export function isPrivateKey(text: string): boolean {
  return FORM.test(text.trim());
}

/** Does the private key need a passphrase? PEM says so in words, OpenSSH's own form by the cipher inside. */
export function needsPassphrase(text: string): boolean {
  if (/-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) return true;
  const [, body = ""] = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)/.exec(text) ?? [];
  const bytes = Buffer.from(body, "base64");
  const magic = "openssh-key-v1\0";
  if (bytes.subarray(0, magic.length).toString("latin1") !== magic || bytes.length < magic.length + 4)
    return false;
  const start = magic.length + 4;
  const cipher = bytes.subarray(start, start + bytes.readUInt32BE(magic.length)).toString("latin1");
  return cipher !== "none";
}
