export { Environment, type EnvironmentOptions, type RunOptions, type RunResult } from "./environment";
export type { ChangeCounts, Diagnostic, Progress, ResourceStep } from "./changes";
export { UserError } from "../common/user-error";
export type { Ledger, LedgerSpan, OriginReleases, ReleaseRecord, RollbackOptions } from "./releases";
