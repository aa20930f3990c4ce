import type { Pool } from "pg";
import { Problem } from "./problem";

/** A chat message as clients see it. */
export interface Message {
  readonly id: number;
  readonly author: string;
  readonly body: string;
  /** Public name of the session that wrote it. */
  readonly session: string;
  /** ISO 8601, UTC. */
  readonly sentAt: string;
}

export interface Draft {
  readonly author: string;
  readonly body: string;
}

export const limits = { author: 40, body: 500, page: 100 } as const;
export const channel = "streampai_messages";

/**
 * @throws Problem 422 with one sentence for each wrong field
 */
export function validateDraft(value: unknown): Draft {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem(422, "invalid_message", 'expected an object: {"author": "…", "body": "…"}');
  }
  const fields: Record<string, string> = {};
  for (const key of Object.keys(value)) {
    if (key !== "author" && key !== "body") fields[key] = "is not known: author and body are";
  }
  const draft = value as Record<string, unknown>;
  const author = validateText(draft["author"], "author", limits.author, /[\p{Cc}\p{Cs}]/u, fields);
  const body = validateText(draft["body"], "body", limits.body, /(?!\n)[\p{Cc}\p{Cs}]/u, fields);
  if (Object.keys(fields).length > 0) {
    throw new Problem(422, "invalid_message", "the message was not accepted", fields);
  }
  return { author, body };
}

function validateText(
  value: unknown,
  name: string,
  max: number,
  forbidden: RegExp,
  fields: Record<string, string>,
): string {
  if (typeof value !== "string") {
    fields[name] = value === undefined ? "is missing" : "must be a string";
    return "";
  }
  const trimmed = value.replace(/\r\n/g, "\n").trim();
  const length = [...trimmed].length;
  if (length === 0) fields[name] = "must not be empty";
  else if (length > max) fields[name] = `must be at most ${max} characters, is ${length}`;
  else if (forbidden.test(trimmed)) fields[name] = "must not hold control characters";
  return trimmed;
}

/** `?limit=1..100&before=<id>`: the newest first when asked, oldest first in the answer. */
export function validatePage(query: URLSearchParams): { limit: number; before: number | undefined } {
  const fields: Record<string, string> = {};
  const read = (name: string, max: number): number | undefined => {
    const value = query.get(name);
    if (value === null) return undefined;
    if (/^[1-9]\d*$/.test(value) && Number(value) <= max) return Number(value);
    fields[name] = `must be a whole number from 1 to ${max}`;
    return undefined;
  };
  const limit = read("limit", limits.page) ?? 50;
  const before = read("before", Number.MAX_SAFE_INTEGER);
  if (Object.keys(fields).length > 0) {
    throw new Problem(400, "invalid_query", "the query was not accepted", fields);
  }
  return { limit, before };
}

interface Row {
  id: string;
  author: string;
  body: string;
  session: string;
  sent_at: Date;
}

const columns = "id, author, body, session, sent_at";

/** The messages in PostgreSQL. It needs SELECT and INSERT only: it runs as the application's own role. */
export class MessageStore {
  constructor(private readonly pool: Pool) {}

  /** Stores a message and tells every running copy of the API, by NOTIFY in the same transaction. */
  async add(draft: Draft, session: string): Promise<Message> {
    const { rows } = await this.pool.query<Row>(
      `with added as (
         insert into messages (author, body, session) values ($1, $2, $3) returning ${columns}
       )
       select ${columns}, pg_notify('${channel}', id::text) from added`,
      [draft.author, draft.body, session],
    );
    return toMessage(rows[0]!);
  }

  /** The newest `limit` messages before an id, in the order they were sent. */
  async page(limit: number, before: number | undefined): Promise<Message[]> {
    const { rows } = await this.pool.query<Row>(
      `select ${columns} from messages where id < $1 order by id desc limit $2`,
      [before ?? Number.MAX_SAFE_INTEGER, limit],
    );
    return rows.reverse().map(toMessage);
  }

  /** What was sent after an id, oldest first, at most one page of the newest. */
  async after(id: number): Promise<Message[]> {
    const { rows } = await this.pool.query<Row>(
      `select ${columns} from messages where id > $1 order by id desc limit $2`,
      [id, limits.page],
    );
    return rows.reverse().map(toMessage);
  }

  async byId(id: number): Promise<Message | undefined> {
    const { rows } = await this.pool.query<Row>(`select ${columns} from messages where id = $1`, [id]);
    return rows[0] && toMessage(rows[0]);
  }

  /** Writes how many viewers were connected: a hypertable where TimescaleDB is installed. */
  async recordViewers(viewers: number): Promise<void> {
    await this.pool.query("insert into viewer_counts (viewers) values ($1)", [viewers]);
  }
}

function toMessage(row: Row): Message {
  return {
    id: Number(row.id),
    author: row.author,
    body: row.body,
    session: row.session,
    sentAt: row.sent_at.toISOString(),
  };
}
