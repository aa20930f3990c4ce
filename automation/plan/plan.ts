import { createHash, createHmac } from "node:crypto";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { stackType } from "../../common/engine-values";
import { UserError } from "../../common/user-error";
import { canonical, imagesIn, plainMembers } from "./values";

/** Raised when plans of before cannot be compared any more. */
export const planVersion = 2;

const step = z.strictObject({
  /** Operations on the resource, in the engine's words, in their order. */
  operations: z.array(z.string()),
  /** Keyed hash of each input. */
  inputs: z.record(z.string(), z.string()),
  /** Of a component: keyed hash of each output. */
  outputs: z.record(z.string(), z.string()),
});

const planSchema = z.strictObject({
  version: z.literal(planVersion),
  stack: z.string(),
  /** Hash of the sources that describe resources. */
  program: z.string(),
  /** Keyed hash of settings and secrets. */
  settings: z.string(),
  /** Keyed hash of each file that goes to a host as it is in the project: by origin and place there. */
  files: z.record(z.string(), z.string()),
  /** Images that inputs, outputs of components and those files name by their digest. */
  images: z.array(z.string()),
  steps: z.record(z.string(), step).describe("By URN. Providers are among them, with their versions."),
});

type Step = Plan["steps"][string];

const planFileSchema = z.strictObject({ digest: z.string(), plan: planSchema });

/** As much of a plan as every version has. */
const otherVersion = z.object({ plan: z.object({ version: z.number(), stack: z.string() }) });

/** What a run will do, without any value of an input: those are there as keyed hashes. */
export type Plan = z.infer<typeof planSchema>;
export type PlanFile = z.infer<typeof planFileSchema>;

/** A file that goes to a host as it is in the project. */
export interface SentFile {
  /** `compose.yaml of origin api`. */
  readonly name: string;
  /** Its mode and its content. */
  readonly text: string;
}

/** Values as they were seen: a keyed hash, and the images in it. */
type SeenValues = Record<string, { readonly hash: string; readonly images: readonly string[] }>;

interface SeenStep {
  readonly operations: string[];
  readonly inputs: SeenValues;
  outputs: SeenValues;
}

/** What a plan is made with. */
export interface PlanFacts {
  readonly stack: string;
  /** Hash of the program's sources, see `programHash`. */
  readonly program: string;
  /** Settings and secrets as one text. */
  readonly settings: string;
  /** Files that go to hosts. */
  readonly files: readonly SentFile[];
  /** Secret: without it nobody can try values against the hashes. */
  readonly key: Uint8Array;
  /** Folders of this machine, which are not part of a plan. @default none */
  readonly folders?: readonly string[];
}

/**
 * Takes the events of a preview and makes its plan: the same on every machine and in any order of the resources, another one
 * when any operation, input, or output of a component is another one.
 */
export class PlanCollector {
  private readonly steps = new Map<string, SeenStep>();

  constructor(private readonly facts: PlanFacts) {}

  readonly add = ({ resourcePreEvent, resOutputsEvent }: EngineEvent): void => {
    if (resourcePreEvent !== undefined) {
      const { urn, op, new: wanted } = resourcePreEvent.metadata;
      const known = this.stepOf(urn);
      known.operations.push(op);
      Object.assign(known.inputs, this.seen(urn, wanted?.inputs));
    }
    if (resOutputsEvent !== undefined) {
      const { urn, type, new: wanted } = resOutputsEvent.metadata;
      // What a resource at a provider gives is not described, and the stack's outputs may be anything.
      if (!wanted || wanted.custom === true || type === stackType) return;
      // Told twice: as the state has them, and then as the program does.
      this.stepOf(urn).outputs = this.seen(`${urn}\noutputs`, plainMembers(wanted.outputs));
    }
  };

  /** The plan of all events so far. */
  plan(): Plan {
    const { stack, program, settings, files } = this.facts;
    // What goes to a host is the same from every machine: no folder in it is this one's.
    const sent = this.seen("files", Object.fromEntries(files.map(({ name, text }) => [name, text])), []);
    const all = [sent, ...[...this.steps.values()].flatMap(({ inputs, outputs }) => [inputs, outputs])];
    const images = all.flatMap((values) => Object.values(values).flatMap((value) => value.images));
    const steps = [...this.steps].map(([urn, { operations, inputs, outputs }]): [string, Step] => [
      urn,
      { operations: [...operations].sort(), inputs: hashesOf(inputs), outputs: hashesOf(outputs) },
    ]);
    return {
      version: planVersion,
      stack,
      program,
      settings: this.hash(`settings\n${settings}`),
      files: hashesOf(sent),
      images: [...new Set(images)].sort(),
      steps: Object.fromEntries(steps),
    };
  }

  private stepOf(urn: string): SeenStep {
    const step = this.steps.get(urn) ?? { operations: [], inputs: {}, outputs: {} };
    this.steps.set(urn, step);
    return step;
  }

  private seen(
    of: string,
    values: Readonly<Record<string, unknown>> = {},
    folders = this.facts.folders,
  ): SeenValues {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const text = canonical(value, folders);
        return [name, { hash: this.hash(`${of}\n${name}\n${text}`), images: imagesIn(text) }];
      }),
    );
  }

  private hash(text: string): string {
    return createHmac("sha256", this.facts.key).update(text).digest("hex").slice(0, 32);
  }
}

function hashesOf(values: SeenValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, { hash }]) => [name, hash]));
}

/** Names a plan. Keyed as well: who edits a plan's file cannot make the digest that fits. */
export function digestOf(plan: Plan, key: Uint8Array): string {
  return `sha256:${createHmac("sha256", key)
    .update(`plan\n${canonical(plan)}`)
    .digest("hex")}`;
}

/** @throws UserError where it is a plan of another version, Error where it is none */
export function parsePlanFile(text: string): PlanFile {
  const read: unknown = JSON.parse(text);
  const other = otherVersion.safeParse(read).data?.plan;
  if (other !== undefined && other.version !== planVersion) {
    throw new UserError({
      what: "that plan was made by another version of groundwork, which binds something else",
      value: `a plan of version ${other.version}`,
      allowed: `version ${planVersion}`,
      next: `npx groundwork preview -s ${other.stack} --save-plan FILE, and have that approved`,
    });
  }
  return planFileSchema.parse(read);
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
  lines.push(...differing(approved.files, now.files).map((file) => `the file ${file}`));
  for (const urn of [...new Set([...Object.keys(approved.steps), ...Object.keys(now.steps)])].sort()) {
    const [before, after] = [approved.steps[urn], now.steps[urn]];
    const name = urn.split("::").slice(-2).join(" ");
    if (before === undefined)
      lines.push(`${name}: was not in the plan (${after?.operations.join(", ") ?? ""})`);
    else if (after === undefined) lines.push(`${name}: is not there any more`);
    else {
      const [was, is] = [before.operations.join(", "), after.operations.join(", ")];
      if (was !== is) lines.push(`${name}: ${was} → ${is}`);
      const changed = [
        ...differing(before.inputs, after.inputs),
        ...differing(before.outputs, after.outputs),
      ];
      if (changed.length > 0) lines.push(`${name}: ${changed.join(", ")}`);
    }
  }
  return lines;
}

/** Names whose hashes are not the same in both. */
function differing(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

/** A hash of files by their names and texts, in any order. */
export function hashOfFiles(files: readonly (readonly [name: string, text: string])[]): string {
  const hash = createHash("sha256");
  for (const [name, text] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    hash.update(JSON.stringify([name, text]));
  }
  return hash.digest("hex");
}
