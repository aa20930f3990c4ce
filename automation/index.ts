export {
  Environment,
  type DriftOptions,
  type EnvironmentOptions,
  type RunOptions,
  type RunResult,
} from "./environment";
export { progressOf, type ChangeCounts, type Diagnostic, type Progress, type ResourceStep } from "./changes";
export type { Drift, DriftItem } from "./drift";
export { FullBucketsError } from "./full-buckets";
export { ConcurrentUpdateError, LeftoverLockError, PolicyRefusedError, type PolicyViolation } from "./errors";
export type { FollowedRun } from "./follow";
export type { HistoryEntry, HistoryOrigin } from "./history";
export type { CiRun } from "./locks/ci-run";
export type { Doubt } from "./locks/doubt";
export type { Examine, FoundThing } from "./locks/examine";
export type { EngineLock, HolderState, LockHolder } from "./locks/holder";
export type { LockState, Unlocked, UnlockOptions } from "./locks/stack-locks";
export {
  assertApproved,
  beginPlan,
  PlanChangedError,
  type ApprovedPlan,
  type PlanInTheMaking,
  type PlanSource,
  readApproved,
} from "./plan/bound";
export { StateChangedError } from "./plan/same-state";
export { UserError } from "../common/user-error";
export type { Ledger, LedgerSpan, OriginReleases, ReleaseRecord, RollbackOptions } from "./releases";
export { release, type Released, type ReleaseOptions } from "./release/release";
