/**
 * Policy packs of Pulumi's own policy library, as the engine can run them. An engine of the vendor's runs a Node.js pack by
 * its language host; the one that is built from Go modules has an older host that cannot. There a pack is shown to the
 * engine as one of another runtime, whose runner is a few lines around the SDK's own.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { type Document, parseDocument } from "yaml";
import { shellWords } from "../../common/shell-words";
import { UserError } from "../../common/user-error";
import type { Engine } from "../../sandbox/engine/engine";

/** What the engine says of the runner made here; it is no news to anybody. */
export function isOfOwnRunner({ diagnosticEvent }: EngineEvent): boolean {
  return diagnosticEvent?.message.includes(`using pulumi-analyzer-policy-${runtime} from $PATH`) ?? false;
}

/** Packs, ready for a run. */
export interface ReadyPacks {
  /** Folders, absolute, for the engine. */
  readonly folders: readonly string[];
  /** A folder that has to be on the engine's PATH. */
  readonly path?: string;
}

const manifest = "PulumiPolicy.yaml";
/** A runtime that no engine has a language host of. */
const runtime = "groundwork-node";

/**
 * Makes packs ready.
 *
 * @param packs folders, from the project's
 * @param work a folder for what has to be made; it may stay
 * @throws UserError where one is no policy pack
 */
export function readyPacks(
  packs: readonly string[],
  { engine, directory, work }: { readonly engine: Engine; readonly directory: string; readonly work: string },
): ReadyPacks {
  const folders = packs.map((pack) => packFolder(pack, directory));
  if (folders.every((folder) => runtimeOf(folder) !== "nodejs") || runsPacks(engine)) return { folders };
  mkdirSync(join(work, "bin"), { recursive: true });
  place(join(work, "bin", `pulumi-analyzer-policy-${runtime}`), runner(), 0o755);
  return {
    folders: folders.map((folder) => (runtimeOf(folder) === "nodejs" ? shown(folder, work) : folder)),
    path: join(work, "bin"),
  };
}

/** An engine of the vendor's comes with language hosts of other languages beside it; one of ours has Node's alone. */
function runsPacks({ source, binDirectory }: Engine): boolean {
  return source === "path" || existsSync(join(binDirectory, "pulumi-language-python"));
}

function packFolder(pack: string, directory: string): string {
  const folder = isAbsolute(pack) ? pack : resolve(directory, pack);
  if (existsSync(join(folder, manifest))) return folder;
  throw new UserError({
    what: "this is no policy pack",
    value: folder,
    allowed: `a folder with ${manifest}, from the folder of Pulumi.yaml`,
    next: "look at groundwork:policies.packs in the stack file; pulumi policy new makes a pack",
  });
}

function runtimeOf(folder: string): string {
  const value: unknown = parsed(folder).get("runtime");
  if (typeof value === "string") return value;
  const name: unknown = parsed(folder).getIn(["runtime", "name"]);
  return typeof name === "string" ? name : "";
}

function parsed(folder: string): Document {
  return parseDocument(readFileSync(join(folder, manifest), "utf8"));
}

/** The pack under another runtime's name: all that is in its folder, and a description of its own. */
function shown(folder: string, work: string): string {
  const view = join(work, createHash("sha256").update(folder).digest("hex").slice(0, 16));
  const staging = `${view}.${process.pid}`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  for (const entry of readdirSync(folder)) {
    if (entry !== manifest) symlinkSync(join(folder, entry), join(staging, entry));
  }
  symlinkSync(folder, join(staging, ".pack"));
  const description = parsed(folder);
  description.set("runtime", runtime);
  writeFileSync(join(staging, manifest), description.toString());
  rmSync(view, { recursive: true, force: true });
  renameSync(staging, view);
  return view;
}

/** Runs a pack by the SDK that the pack itself depends on. */
function runner(): string {
  const run = [
    'const { realpathSync } = require("node:fs");',
    'require(require.resolve("@pulumi/pulumi/cmd/run-policy-pack", { paths: [realpathSync(".pack")] }));',
  ].join(" ");
  return `#!/bin/sh\nexec ${shellWords([process.execPath, "-e", run, "run-policy-pack"])} "$@"\n`;
}

function place(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, text);
  chmodSync(`${file}.${process.pid}`, mode);
  renameSync(`${file}.${process.pid}`, file);
}
