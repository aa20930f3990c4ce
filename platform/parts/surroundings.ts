import type * as pulumi from "@pulumi/pulumi";
import type { ResolveOverride } from "../../components";
import type { Settings } from "../settings";
import type { Secrets, Values } from "../values";

/** What every part of an environment is made with. */
export interface Surroundings {
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** What the parts publish for the environments of others. */
  readonly values: Values;
  /** The project's folder, where relative paths of its stack files begin. */
  readonly directory: string;
  readonly opts: pulumi.ComponentResourceOptions;
  readonly accountId: string;
  readonly zoneId: pulumi.Input<string>;
  readonly resolve: readonly ResolveOverride[];
  /** Is that part of what was adopted left as it is? */
  readonly leaves: (path: string) => boolean;
}

/** Parts of one kind, by their names in the settings. */
export type Named<T> = Readonly<Record<string, T>>;

/** A part by its name. Settings refuse names that do not exist, so a missing one is a mistake of the wiring. */
export function part<T>(map: Named<T>, name: string): T {
  const found = map[name];
  if (found === undefined)
    throw new Error(`no part is called ${name}; there are ${Object.keys(map).join(", ")}`);
  return found;
}
