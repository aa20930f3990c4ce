/** Rules of a stack file that are held against a report. Pure. */
import type { PolicyResult, Report, RiskKind } from "./model";

type Level = PolicyResult["level"];

/** What a stack file asks for. */
export interface PolicyRules {
  readonly risks: {
    readonly [Name in keyof typeof riskKindOf]?: Level | undefined;
  };
  readonly proofOfRestore?: { readonly level: Level } | undefined;
}

/** What is known of migrations that are going to run. */
export interface MigrationFacts {
  /** The origin whose release runs them. */
  readonly origin: string;
  /** What they destroy, a phrase each such as `drop public.old`. @default nobody knows */
  readonly harm?: readonly string[] | undefined;
  /** Whether a restore was proved lately enough, and that in a sentence. @default nobody could be asked */
  readonly proof?: { readonly isFresh: boolean; readonly says: string };
  /** Why nobody could be asked. */
  readonly unknown?: string;
}

/** The names that results have: where they come from is the pack `groundwork`. */
export const ownPack = "groundwork";

const riskKindOf = {
  dataLoss: "data loss",
  downtime: "downtime",
  accessOpened: "access opened",
  certificate: "certificate",
  dns: "DNS",
} as const satisfies Readonly<Record<string, RiskKind>>;

/** The rules that a change breaks. */
export function brokenRules(
  { changes, stack }: Pick<Report, "changes" | "stack">,
  { risks, proofOfRestore }: PolicyRules,
  migrations: readonly MigrationFacts[],
): PolicyResult[] {
  const dangers = (Object.keys(riskKindOf) as (keyof typeof riskKindOf)[]).flatMap((name) => {
    const level = risks[name];
    if (level === undefined) return [];
    return changes.flatMap(({ title, urn, risks: found }) =>
      found
        .filter((risk) => risk.kind === riskKindOf[name] && risk.level === "danger")
        .map(({ text }): PolicyResult => ({
          ...{ policy: `risks.${name}`, pack: ownPack, level },
          text: `${title}: ${text}`,
          urn,
        })),
    );
  });
  if (proofOfRestore === undefined) return dangers;
  const { level } = proofOfRestore;
  const unproved = migrations.flatMap((facts): PolicyResult[] => {
    const text = withoutProof(facts);
    if (text === undefined) return [];
    const next = `npx groundwork db drill -s ${stack}`;
    return [{ policy: "proofOfRestore", pack: ownPack, level, text: `${text}: ${next}` }];
  });
  return [...dangers, ...unproved];
}

/** How many rules a stack file has. */
export function countRules({ risks, proofOfRestore }: PolicyRules): number {
  const asked = Object.values(risks).filter((level) => level !== undefined).length;
  return asked + (proofOfRestore === undefined ? 0 : 1);
}

function withoutProof({ harm, origin, proof, unknown }: MigrationFacts): string | undefined {
  if (unknown !== undefined || proof === undefined)
    return `what the migrations of ${origin} do, and whether a restore was proved, could not be asked (${unknown ?? "of nobody"})`;
  if (harm?.length === 0 || proof.isFresh) return undefined;
  const shown =
    harm === undefined || harm.length <= 5 ? harm : [...harm.slice(0, 5), `${harm.length - 5} more`];
  const what =
    shown === undefined
      ? `the migrations of ${origin} may drop or rewrite something, as they were not rehearsed`
      : `the migrations of ${origin} ${shown.join(", ")}`;
  return `${what}, and ${proof.says}`;
}
