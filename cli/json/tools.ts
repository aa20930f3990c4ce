/** Answers of commands that write files, or look at what an environment needs. */
import { z } from "zod";
import { stack } from "./shared";

export const init = z
  .strictObject({
    folder: z.string().describe("Where the project is, as it was typed."),
    files: z.array(z.string()).describe("What was written, below the folder."),
  })
  .describe("The project that was written.");

export const adopt = z
  .strictObject({
    stack,
    files: z.array(z.string()).describe("What was written, the stack file first."),
    imported: z
      .array(
        z.strictObject({
          type: z.string().describe("The resource's type."),
          name: z.string().describe("Its name in the stack."),
          id: z.string().describe("What the provider imports it by."),
          keep: z.array(z.string()).describe("Properties that stay as they are there."),
        }),
      )
      .describe("What is taken over."),
    kept: z
      .array(z.string())
      .describe("What stays as it is there, although the stack file says otherwise: a line each."),
    rewritten: z.array(z.string()).describe("What the first `up` writes once more: a line each."),
    made: z.array(z.string()).describe("What is not there, and the first `up` would make: a line each."),
    remarks: z.array(z.string()).describe("What stays by hand, and why: a line each."),
  })
  .describe("What is taken over from Cloudflare.");

export const token = z
  .strictObject({
    stack,
    account: z.string().describe("Id of the account."),
    domain: z.string().describe("The zone's domain."),
    permissions: z
      .array(
        z.strictObject({
          name: z.string().describe("Cloudflare's name, such as `DNS Write`."),
          scope: z.enum(["account", "zone"]).describe("On the whole account, or on the zone."),
          because: z.array(z.string()).describe("Settings that need it."),
          allowed: z
            .boolean()
            .optional()
            .describe("False: the exit code is 1. Left out with --no-check: nobody was asked."),
        }),
      )
      .describe("What the token must be allowed."),
    by: z
      .enum(["policies", "requests"])
      .optional()
      .describe(
        "`requests`: reading was tried; that the token may change things as well is not shown by it.",
      ),
    expiresOn: z.string().optional().describe("RFC 3339; left out where it never ends, or was not asked."),
    remark: z.string().optional().describe("What else to know of the zone's plan."),
  })
  .describe("What the API token must be allowed, and whether it is.");

export const doctor = z
  .array(
    z.strictObject({
      subject: z.string().describe("What was looked at, such as `host web`."),
      state: z
        .enum(["well", "look", "bad", "unknown"])
        .describe("`look`: nothing is broken yet; `unknown`: it could not be asked."),
      says: z.string().describe("What was found, one sentence."),
      next: z.string().optional().describe("The next command, or what to do."),
    }),
  )
  .describe("What was found, one thing after the other.");

export const pipelines = z
  .strictObject({
    folder: z.string().describe("Where the workflows are."),
    wanted: z.array(z.string()).describe("The workflows that there should be."),
    changes: z
      .array(
        z.strictObject({
          file: z.string().describe("Its name."),
          kind: z.enum(["add", "change", "remove"]).describe("`remove`: it is not wanted any more."),
          edited: z.boolean().describe("Somebody has edited it, or it was not made here."),
        }),
      )
      .describe("What was otherwise."),
    written: z.boolean().describe("False with --check: then changes mean exit code 1."),
  })
  .describe("The workflows that were written, or that differ.");

export const access = z
  .strictObject({
    stack,
    closed: z.number().int().describe("Requests that were refused as they must be."),
    open: z.number().int().describe("Requests that were let in as they must be."),
    problems: z.array(z.string()).describe("What is otherwise, a line each; the exit code is 1 then."),
  })
  .describe("Whether the hosts behind Access are closed and open as described.");
