import { z } from "zod";
import { field } from "./field";
import { relativePath } from "./values";

const level = (what: string) =>
  field(z.enum(["mandatory", "advisory"]), {
    description: `${what} \`mandatory\` refuses the change, \`advisory\` tells of it.`,
    examples: ["mandatory"],
  });

const risk = (what: string) => level(`What becomes of a change that ${what}. Default: nothing.`).optional();

/** Rules that a change has to keep. */
export const policies = field(
  z.strictObject({
    packs: field(
      z.array(
        relativePath("A folder with PulumiPolicy.yaml: a policy pack of Pulumi's own policy library.", [
          "policy",
        ]),
      ),
      { description: "Policy packs that the engine runs at each preview and up. Default: none." },
    ).default([]),
    risks: field(
      z.strictObject({
        dataLoss: risk("surely loses data, such as one that deletes a bucket"),
        downtime: risk("surely interrupts what is served"),
        accessOpened: risk("lets in who was kept out"),
        certificate: risk("leaves a host name without a valid certificate"),
        dns: risk("takes a host name away or leads it elsewhere"),
      }),
      { description: "Which dangers of the report are refused. A warning or a notice never is." },
    ).default({}),
    proofOfRestore: field(
      z.strictObject({
        days: field(z.int().min(1).max(366), {
          description: "How old the record of a passed `groundwork db drill` may be.",
          unit: "days",
          examples: [30],
        }).default(30),
        level: level("What becomes of a migration without such a record.").default("mandatory"),
      }),
      {
        description:
          "A migration that drops or rewrites something wants a proof that a backup restores. One that was not rehearsed " +
          "counts as one that may. Default: none is wanted.",
        examples: [{ days: 30 }],
      },
    ).optional(),
  }),
  {
    description:
      "Rules that a change has to keep. `groundwork preview` tells which it breaks and ends with 4; `groundwork up` looks first, " +
      "and does nothing where a mandatory one is broken. Default: none.",
  },
);

export type PolicySettings = z.output<typeof policies>;
