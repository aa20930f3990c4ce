import { type z } from "zod";
import { type ApiError, refuse } from "./envelope";

/** How a kind of endpoint words a body that it cannot take. */
export interface BodyErrors {
  readonly code: number;
  /** Put before the reason; default none. */
  readonly prefix?: string;
  /** Default 400. */
  readonly status?: number;
}

/** @throws ApiError naming the first member that is wrong, and the others in the error chain. */
export function parse<S extends z.ZodType>(schema: S, body: unknown, errors: BodyErrors): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw bodyError(parsed.error.issues.map(describe), errors);
}

export function bodyError(
  reasons: readonly string[],
  { code, prefix = "", status = 400 }: BodyErrors,
): ApiError {
  const chain = reasons.length > 1 ? reasons.map((message) => ({ code, message })) : undefined;
  return refuse(status, code, `${prefix}${reasons[0] ?? "invalid request"}`, chain);
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
