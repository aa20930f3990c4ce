import { utils } from "ssh2";
import { generateSshKey } from "../../common/ssh-key";

describe("a new SSH key", () => {
  it("can be read, and carries its comment", () => {
    const pair = generateSshKey("made-here");
    const parsed = utils.parseKey(pair.private);
    expect(parsed).not.toBeInstanceOf(Error);
    expect(pair.public).toMatch(/^ssh-ed25519 \S+ made-here\s*$/);
  });

  it("is made again when it came out unreadable", () => {
    const good = generateSshKey();
    const made = [{ private: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", public: "" }, good];
    expect(generateSshKey("", () => made.shift()!)).toBe(good);
    expect(made).toEqual([]);
    expect(() => generateSshKey("", () => ({ private: "x", public: "" }))).toThrow("20 tries");
  });
});
