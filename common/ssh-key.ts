import { utils } from "ssh2";

/** Both halves of a key, as OpenSSH writes them. */
export interface SshKeyText {
  readonly private: string;
  /** `ssh-ed25519 AAAA… <comment>` */
  readonly public: string;
}

/**
 * A new ed25519 key. About one in two hundred that ssh2 1.17 generates cannot be read, by itself or by OpenSSH (it
 * drops a leading zero byte), so each is read before it is given away.
 *
 * @param comment stands at the end of the public half; empty by default
 */
export function generateSshKey(
  comment = "",
  generate: () => SshKeyText = () => utils.generateKeyPairSync("ed25519", { comment }),
): SshKeyText {
  for (let tries = 0; tries < 20; tries++) {
    const pair = generate();
    if (!(utils.parseKey(pair.private) instanceof Error)) return pair;
  }
  throw new Error("no readable SSH key came out of 20 tries");
}
