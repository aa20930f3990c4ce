import { randomBytes } from "node:crypto";
import type { ProviderDefinition } from "../definition";

/** The provider of `@pulumi/random`. */
export const provider: ProviderDefinition = {
  name: "random",
  version: "4.21.2",
  resources: {
    "random:index/randomBytes:RandomBytes": {
      inputs: { keepers: { replace: true }, length: { required: true, replace: true } },
      computed: ["base64", "hex"],
      secretOutputs: ["base64", "hex"],
      create({ inputs }) {
        const bytes = randomBytes(inputs["length"] as number);
        const base64 = bytes.toString("base64");
        return Promise.resolve({ id: base64, outputs: { base64, hex: bytes.toString("hex") } });
      },
    },
  },
};
