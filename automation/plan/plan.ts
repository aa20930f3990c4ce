import { createHash, createHmac } from "node:crypto";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { canonical, imagesIn } from "./values";

/** Raised when plans of before cannot be compared any more. */
export const planVersion = 1;

const step = z.strictObject({
  /** Operations on the resource, in the engine's words, in their order. */
  operations: z.array(z.string()),
  /** Keyed hash of each input. */
  inputs: z.record(z.string(), z.string()),
});

const planSchema = z.strictObject({
  version: z.literal(planVersion),
  stack: z.string(),
  /** Hash of the sources that describe resources. */
  program: z.string(),
  /** Keyed hash of settings and secrets. */
  settings: z.string(),
  /** Images that inputs name by their digest. */
  images: z.array(z.string()),
  steps: z.record(z.string(), step).describe("By URN. Providers are among them, with their versions."),
});

const planFileSchema = z.strictObject({ digest: z.string(), plan: planSchema });

/** What a run will do, without any value of an input: those are there as keyed hashes. */
export type Plan = z.infer<typeof planSchema>;
export type PlanFile = z.infer<typeof planFileSchema>;

/** What a plan is made with. */
export interface PlanFacts {
  readonly stack: string;
  /** Hash of the program's sources, see `programHash`. */
  readonly program: string;
  /** Settings and secrets as one text. */
  readonly settings: string;
  /** Secret: without it nobody can try values against the hashes. */
  readonly key: Uint8Array;
  /** Folders of this machine, which are not part of a plan. @default none */
  readonly folders?: readonly string[];
}

/**
 * Takes the events of a preview and makes its plan: the same on every machine and in any order of the events, another one
 * when any operation or input is another one.
 */
export class PlanCollector {
  private readonly steps = new Map<string, { operations: string[]; inputs: Record<string, string> }>();
  private readonly images = new Set<string>();

  constructor(private readonly facts: PlanFacts) {}

  readonly add = ({ resourcePreEvent }: EngineEvent): void => {
    if (resourcePreEvent === undefined) return;
    const { urn, op, new: wanted } = resourcePreEvent.metadata;
    const known = this.steps.get(urn) ?? { operations: [], inputs: {} };
    known.operations.push(op);
    for (const [name, value] of Object.entries(wanted?.inputs ?? {})) {
      const text = canonical(value, this.facts.folders);
      known.inputs[name] = this.hash(`${urn}\n${name}\n${text}`);
      for (const image of imagesIn(text)) this.images.add(image);
    }
    this.steps.set(urn, known);
  };

  /** The plan of all events so far. */
  plan(): Plan {
    const { stack, program, settings } = this.facts;
    const steps = [...this.steps].map(([urn, { operations, inputs }]): [string, Plan["steps"][string]] => [
      urn,
      { operations: [...operations].sort(), inputs },
    ]);
    return {
      version: planVersion,
      stack,
      program,
      settings: this.hash(`settings\n${settings}`),
      images: [...this.images].sort(),
      steps: Object.fromEntries(steps),
    };
  }

  private hash(text: string): string {
    return createHmac("sha256", this.facts.key).update(text).digest("hex").slice(0, 32);
  }
}

/** Names a plan. Keyed as well: who edits a plan's file cannot make the digest that fits. */
export function digestOf(plan: Plan, key: Uint8Array): string {
  return `sha256:${createHmac("sha256", key)
    .update(`plan\n${canonical(plan)}`)
    .digest("hex")}`;
}

/** @throws Error where the text is no plan of this version */
export function parsePlanFile(text: string): PlanFile {
  return planFileSchema.parse(JSON.parse(text));
}

/** What differs, a line each; empty where both are the same. */
export function planDifferences(approved: Plan, now: Plan): string[] {
  const lines: string[] = [];
  if (approved.stack !== now.stack) lines.push(`the stack: ${approved.stack} → ${now.stack}`);
  if (approved.program !== now.program) lines.push("the program: its sources are others");
  if (approved.settings !== now.settings) lines.push("the settings or secrets of the stack");
  const images = [
    ...approved.images.filter((image) => !now.images.includes(image)).map((image) => `${image} is gone`),
    ...now.images.filter((image) => !approved.images.includes(image)).map((image) => `${image} is new`),
  ];
  lines.push(...images.map((image) => `image ${image}`));
  for (const urn of [...new Set([...Object.keys(approved.steps), ...Object.keys(now.steps)])].sort()) {
    const [before, after] = [approved.steps[urn], now.steps[urn]];
    const name = urn.split("::").slice(-2).join(" ");
    if (before === undefined)
      lines.push(`${name}: was not in the plan (${after?.operations.join(", ") ?? ""})`);
    else if (after === undefined) lines.push(`${name}: is not there any more`);
    else {
      const [was, is] = [before.operations.join(", "), after.operations.join(", ")];
      if (was !== is) lines.push(`${name}: ${was} → ${is}`);
      const names = new Set([...Object.keys(before.inputs), ...Object.keys(after.inputs)]);
      const changed = [...names].filter((input) => before.inputs[input] !== after.inputs[input]).sort();
      if (changed.length > 0) lines.push(`${name}: ${changed.join(", ")}`);
    }
  }
  return lines;
}

/** A hash of files by their names and texts, in any order. */
export function hashOfFiles(files: readonly (readonly [name: string, text: string])[]): string {
  const hash = createHash("sha256");
  for (const [name, text] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    hash.update(JSON.stringify([name, text]));
  }
  return hash.digest("hex");
}
