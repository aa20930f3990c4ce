import type { Report, Risk } from "../model";
import type { ResourceChange } from "../resource-change";

/** A rule looks at one change and says what it may do. Pure; one file of rules for each kind of risk. */
export type RiskRule = (change: ResourceChange, kind: Report["kind"]) => readonly Risk[];
