import type { Operation } from "./model";
import type { Values } from "./values";

/** One resource's change as rules read it: the engine's facts, secrets already taken out. */
export interface ResourceChange {
  readonly urn: string;
  readonly type: string;
  /** Last part of the type, such as `DnsRecord`. */
  readonly kind: string;
  readonly name: string;
  readonly operation: Operation;
  readonly isComponent: boolean;
  /** Type of the component that it belongs to, such as `AppOrigin`; empty: none. */
  readonly componentType: string;
  /** Inputs as the state has them; undefined for what is made. */
  readonly before: Values | undefined;
  /** Inputs as the program describes them; undefined for what goes. */
  readonly after: Values | undefined;
  /** Names of the inputs that differ, without what is below them. */
  readonly changed: ReadonlySet<string>;
  /** Properties that cannot be changed in place. */
  readonly replaceKeys: readonly string[];
  /** True where the old one goes before the new one is there. */
  readonly deletedFirst: boolean;
  /** True where a deletion only ends the management, and the thing itself stays. */
  readonly retained: boolean;
  readonly protected: boolean;
  /** True for the remains of an earlier replacement. */
  readonly leftover: boolean;
}

/** True where what is there now goes: deleted, or replaced by another. */
export function goes({ operation, retained }: ResourceChange): boolean {
  return (operation === "delete" || operation === "replace") && !retained;
}
