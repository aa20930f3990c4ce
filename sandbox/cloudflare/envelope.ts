/** An entry of `errors`, as Cloudflare writes it. */
export interface ErrorEntry {
  readonly code: number;
  readonly message: string;
  readonly error_chain?: readonly { readonly code?: number; readonly message: string }[];
}

export interface ResultInfo {
  readonly page: number;
  readonly per_page: number;
  readonly count: number;
  readonly total_count: number;
  readonly total_pages: number;
}

/** What a handler gives back. `result: undefined` leaves the member out; `raw` replaces the envelope altogether. */
export interface Answer {
  readonly status?: number;
  readonly result?: unknown;
  readonly resultInfo?: ResultInfo | Readonly<Record<string, unknown>>;
  readonly messages?: readonly unknown[];
  readonly raw?: string;
  readonly contentType?: string;
}

/** A refusal in Cloudflare's form. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly errors: readonly ErrorEntry[],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(errors.map(({ code, message }) => `${message} (${code})`).join("; "));
  }
}

/** @example throw refuse(404, 81044, "Record does not exist.") */
export function refuse(
  status: number,
  code: number,
  message: string,
  chain?: ErrorEntry["error_chain"],
): ApiError {
  return new ApiError(status, [
    chain === undefined ? { code, message } : { code, message, error_chain: chain },
  ]);
}

export function success(answer: Answer): object {
  return {
    result: answer.result === undefined ? null : answer.result,
    success: true,
    errors: [],
    messages: answer.messages ?? [],
    ...(answer.resultInfo === undefined ? {} : { result_info: answer.resultInfo }),
  };
}

export function failure(error: ApiError): object {
  return { result: null, success: false, errors: error.errors, messages: [] };
}

/**
 * One page of a list. `page` counts from 1.
 * @throws ApiError where `page` or `per_page` is no number or out of bounds.
 */
export function paginate<T>(
  rows: readonly T[],
  query: Readonly<Record<string, string | undefined>>,
  { perPage = 20, least = 1, most = 1000 }: { perPage?: number; least?: number; most?: number } = {},
): { page: T[]; resultInfo: ResultInfo } {
  const page = whole(query["page"], 1);
  const size = whole(query["per_page"], perPage);
  if (!(page >= 1)) throw refuse(400, 1004, "Invalid page: it counts from 1");
  if (!(size >= least && size <= most)) {
    throw refuse(400, 1005, `Invalid per_page: it must be between ${least} and ${most}`);
  }
  const slice = rows.slice((page - 1) * size, page * size);
  return {
    page: slice,
    resultInfo: {
      page,
      per_page: size,
      count: slice.length,
      total_count: rows.length,
      total_pages: Math.max(1, Math.ceil(rows.length / size)),
    },
  };
}

function whole(text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}
