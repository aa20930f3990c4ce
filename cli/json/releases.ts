/** Answers of commands on releases. */
import { z } from "zod";
import { ledger, stack, time } from "./shared";

export const release = z
  .strictObject({
    stack,
    tag: z.string().describe("The release's tag."),
    made: z.boolean().describe("False with --dry-run: nothing was changed."),
    resumed: z.boolean().describe("Whether it goes on with one that was cut short."),
    commit: z.string().optional().describe("What the tag is on; left out with --dry-run."),
    images: z
      .array(
        z.strictObject({
          name: z.string().describe("`<origin>.<service>`, or `<origin>`."),
          from: z.string().optional().describe("As the stack file named it; left out where it did not."),
          to: z.string().describe("With its digest."),
        }),
      )
      .describe("Images that the stack file names otherwise now."),
  })
  .describe("What was released, or would be.");

export const abandoned = z
  .strictObject({
    tag: z.string().optional().describe("The release that is given up; left out where none was begun."),
  })
  .describe("The release that was given up.");

export const releases = z
  .array(
    z.strictObject({
      origin: z.string().describe("The entry of groundwork:origins."),
      project: z.string().describe("The compose project on the host."),
      running: z.string().optional().describe("A release that is under way now."),
      releases: z
        .array(
          z.strictObject({
            id: z.string().describe("Its id."),
            number: z.number().int().describe("Counts up on the host."),
            at: time.describe("When it last took over, by the host's clock, ISO 8601."),
            state: z
              .enum(["active", "previous", "kept"])
              .describe("`active` has the traffic, `previous` had it before."),
            images: z.record(z.string(), z.string()).describe("References by service."),
            schema: z.string().optional().describe("The schema's version, where migrations tell it."),
            breaking: z.boolean().describe("Whether releases before it cannot work with its schema."),
            ledger: ledger.optional(),
          }),
        )
        .describe("The one that was entered last first."),
    }),
  )
  .describe("The releases that the hosts keep, by origin.");

export const rollback = z
  .strictObject({
    origin: z.string().describe("The entry of groundwork:origins."),
    release: z.string().describe("The release that runs now."),
    changed: z.boolean().describe("False where it ran already."),
    ledger: ledger.optional(),
  })
  .describe("The release that was gone back to.");
