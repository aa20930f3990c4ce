import * as random from "@pulumi/random";
import { plaintext, withStack } from "../../support/engine";

describe("the random provider under the real engine", () => {
  const program = (version: string) => () => {
    const password = new random.RandomPassword("password", { length: 20, keepers: { version } });
    new random.RandomId("id", { byteLength: 4, prefix: "gw-" });
    new random.RandomPet("pet", { length: 2 });
    return Promise.resolve({ password: password.result });
  };

  it("creates, keeps, replaces by a keeper, refreshes, imports, destroys; secrets stay encrypted", async () => {
    await withStack({ packages: ["random"], program: program("1") }, async (stack) => {
      await stack.up();
      const made = (await stack.outputs())["password"];
      expect(made?.secret).toBe(true);
      expect(made?.value).toHaveLength(20);
      const inState = await stack.resource("password");
      expect(plaintext(inState.outputs?.["result"])).toBe(made?.value);
      expect(plaintext(inState.outputs?.["bcryptHash"])).toMatch(/^\$2[aby]\$10\$/);
      expect(stack.stateText()).not.toContain(made?.value);
      expect(stack.printed()).not.toContain(made?.value);

      expect((await stack.preview()).changes).toEqual({ same: 4 });
      expect((await stack.refresh()).changes).toEqual({ same: 4 });
      const again = await stack.up();
      expect(again.changes).toEqual({ same: 4 });
      expect((await stack.outputs())["password"]?.value).toBe(made?.value);

      const decisions = await stack.decisions(program("2"));
      expect(decisions["password"]).toEqual({
        op: "replace",
        diffs: ["keepers.version"],
        replaceKeys: ["keepers"],
      });
      const replaced = await stack.up();
      expect(replaced.changes).toEqual({ replace: 1, same: 3 });
      expect((await stack.outputs())["password"]?.value).not.toBe(made?.value);

      await stack.up(() => {
        new random.RandomString("imported", { length: 8 }, { import: "abcdefgh" });
        return Promise.resolve({});
      });
      const imported = await stack.resource("imported");
      expect(imported).toMatchObject({
        id: "abcdefgh",
        outputs: { result: "abcdefgh", length: 8, special: true },
      });

      const gone = await stack.destroy();
      expect(gone.changes).toEqual({ delete: 2 });
      expect(await stack.resources()).toEqual([]);
    });
  }, 120_000);

  it("refuses wrong inputs in the preview, all at once, naming the resource", async () => {
    const wrong = () => {
      new random.RandomInteger("dice", { min: 7, max: 1, seed: "x" });
      return Promise.resolve({});
    };
    await withStack({ packages: ["random"], program: wrong }, async (stack) => {
      await expect(stack.preview()).rejects.toThrow();
      expect(stack.printed()).toContain("min needs to be smaller than or equal to max: 7 > 1");
      expect(stack.printed()).toContain('"seed" is not supported by the sandbox');
      expect(stack.printed()).toContain("dice");
    });
  }, 120_000);
});
