import { randomBytes } from "node:crypto";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as pulumi from "@pulumi/pulumi";
import { SecretsVault } from "../../../components/secrets-vault";
import { withStack } from "../../support/engine";
import { findMoto, startMoto } from "../../support/moto";

const found = findMoto();
const python = "python" in found ? found.python : "";
if ("problem" in found) console.log(`skipped: a vault of secrets under the engine: ${found.problem}`);

(python === "" ? it.skip : it)(
  "a vault's values reach AWS under the real engine, stay what they are, change as versions, and are plain nowhere here",
  async () => {
    const moto = await startMoto(python);
    const client = new SecretsManagerClient({ ...moto, credentials: moto.keys });
    try {
      const [first, second] = [randomBytes(12).toString("hex"), randomBytes(12).toString("hex")];
      const program = (value: string) => () => {
        const { region, endpoint, keys } = moto;
        const vault = new SecretsVault("vault", {
          kind: "aws",
          region,
          endpoint,
          recoveryDays: 0,
          accessKeyId: pulumi.secret(keys.accessKeyId),
          secretAccessKey: pulumi.secret(keys.secretAccessKey),
        });
        const values: Record<string, string> = { PASSWORD: value };
        const place = vault.store("api", pulumi.secret(values));
        return Promise.resolve({ place });
      };
      const read = async (version: string) => {
        const SecretId = "engine-test/test/api";
        return (await client.send(new GetSecretValueCommand({ SecretId, VersionId: version }))).SecretString;
      };
      await withStack({ packages: ["aws"], program: program(first) }, async (stack) => {
        const place = async () => (await stack.outputs())["place"]?.value as { version: string };
        await stack.up();
        const { version } = await place();
        expect(await read(version)).toBe(JSON.stringify({ PASSWORD: first }));
        expect(Object.keys((await stack.preview()).changes)).toEqual(["same"]);
        expect(Object.keys((await stack.refresh()).changes)).toEqual(["same"]);

        await stack.up(program(second));
        const rotated = await place();
        expect(rotated.version).not.toBe(version);
        // A release of before still finds its own.
        expect([await read(version), await read(rotated.version)]).toEqual([
          JSON.stringify({ PASSWORD: first }),
          JSON.stringify({ PASSWORD: second }),
        ]);
        for (const secret of [first, second, moto.keys.secretAccessKey]) {
          expect(stack.stateText()).not.toContain(secret);
          expect(stack.printed()).not.toContain(secret);
        }
        await stack.destroy();
        await expect(read(rotated.version)).rejects.toThrow("can't find");
      });
    } finally {
      client.destroy();
      await moto.close();
    }
  },
  180_000,
);
