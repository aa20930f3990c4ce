/** What answers of several areas are made of. */
import { z } from "zod";

export const time = z.string().describe("ISO 8601.");
export const urn = z.string().describe("The resource's URN.");
export const stack = z.string().describe("The environment's name.");

export const ci = z
  .strictObject({
    system: z.string().describe("Such as `GitHub Actions`."),
    url: z.string().optional().describe("Where somebody can look at it."),
  })
  .describe("A run of a pipeline.");

const span = z.strictObject({
  requests: z.number().int().describe("How many were sent."),
  failures: z.number().int().describe("How many of them had no good answer."),
  p50: z
    .number()
    .optional()
    .describe("Milliseconds of half of the good answers; left out where there was none."),
  p99: z.number().optional().describe("Milliseconds of 99 in 100 good answers."),
  longestGap: z.number().describe("Longest time without a good answer, in milliseconds."),
});

export const ledger = z
  .strictObject({
    version: z.literal(1).describe("Raised when a reader has to be changed."),
    release: z.string().describe("Id of the release."),
    url: z.string().describe("The public address that was asked."),
    startedAt: time.describe("ISO 8601, by the clock of the deploying machine."),
    switchedAt: time
      .optional()
      .describe("When traffic went over, ISO 8601; left out where that is not known."),
    seconds: z.number().describe("How long the address was asked."),
    intervalMs: z.number().describe("Milliseconds from one request to the next."),
    armed: z.boolean().describe("Whether the address answered before the switch, so that failures count."),
    before: span.describe("From the first good answers to the switch."),
    after: span.describe("From the switch to the end: what the release is answerable for."),
    lost: z.number().int().describe("Failures after the switch; 0 where nothing answered before it."),
    lostAs: z.record(z.string(), z.number()).describe('What the lost ones were, such as `{"HTTP 502": 3}`.'),
    sockets: z
      .strictObject({
        opened: z.number().int().describe("How many were opened."),
        closed: z.number().int().describe("Ended by a close frame, as a server that drains does."),
        dropped: z.number().int().describe("Ended without one, after the switch."),
        keptMs: z
          .number()
          .optional()
          .describe("Milliseconds that the first of those open at the switch lived on after it."),
      })
      .describe("What became of the WebSockets that were held meanwhile."),
    aborted: z.boolean().describe("Whether the release was switched back because of failures."),
    reconnects: z.number().int().describe("How often the connection to the host was made anew."),
    notes: z.array(z.string()).describe("What else to know, one clause each."),
  })
  .describe("The downtime ledger: what the public address answered while the release replaced another.");
