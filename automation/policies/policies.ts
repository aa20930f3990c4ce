import { existsSync, readFileSync } from "node:fs";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { UserError } from "../../common/user-error";
import { parseStackDocument } from "../../platform/settings/document";
import type { PolicySettings } from "../../platform/settings/schema/policies";
import { stackSchema } from "../../platform/settings/stack-schema";
import { brokenRules, countRules, ownPack, type PolicyResult, ReportCollector } from "../../report";
import { migratesAgain } from "../database/rehearsal/of-origin";
import { migrationFacts, type MigrationSources } from "./migrations";

/**
 * Reads which policies a stack file asks for, without starting the engine.
 *
 * @returns undefined where it asks for none
 * @throws UserError where what it says is no such setting; whatever else is wrong with the file, the run says
 */
export function policiesOf(file: string): PolicySettings | undefined {
  if (!existsSync(file)) return undefined;
  const { config } = (parseStackDocument(readFileSync(file, "utf8")).root ?? {}) as {
    config?: Record<string, unknown>;
  };
  const written = config?.["groundwork:policies"];
  if (written === undefined) return undefined;
  const read = stackSchema().shape.policies.safeParse(written);
  if (read.success) return read.data;
  throw new UserError({
    what: "groundwork:policies is not right",
    value: read.error.issues
      .map(({ path, message }) => `\n  ${["policies", ...path].join(".")}: ${message}`)
      .join(""),
    allowed: "packs, risks and proofOfRestore, as docs/settings.md describes them",
    next: `correct ${file}`,
  });
}

/** Sees a preview's events, and judges at its end. */
export class PolicyJudge {
  private readonly collector: ReportCollector;
  private readonly migrating = new Set<string>();

  constructor(
    private readonly settings: PolicySettings,
    private readonly place: { readonly project: string } & MigrationSources,
  ) {
    this.collector = new ReportCollector({ kind: "preview", ...place });
  }

  readonly add = (event: EngineEvent): void => {
    this.collector.add(event);
    const origin = migratesAgain(event);
    if (origin !== undefined) this.migrating.add(origin);
  };

  /** What the stack file's own rules find, as the engine tells of broken policies, so that it reaches all who listen to that. */
  async events(): Promise<EngineEvent[]> {
    if (countRules(this.settings) === 0) return [];
    const days = this.settings.proofOfRestore?.days;
    const migrations =
      days === undefined
        ? []
        : await Promise.all([...this.migrating].map((origin) => migrationFacts(origin, this.place, days)));
    const report = this.collector.report({ result: "planned" });
    return brokenRules(report, this.settings, migrations).map(eventOf);
  }
}

function eventOf({ level, policy, text, urn = "" }: PolicyResult): EngineEvent {
  return {
    sequence: 0,
    timestamp: Math.floor(Date.now() / 1000),
    policyEvent: {
      ...{ resourceUrn: urn, message: text, color: "never", policyName: policy, policyPackName: ownPack },
      ...{ policyPackVersion: "", policyPackVersionTag: "" },
      // The SDK's word for what it only tells of.
      enforcementLevel: level === "mandatory" ? level : "warning",
    },
  };
}
