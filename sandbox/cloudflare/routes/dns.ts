import { z } from "zod";
import type { Call, Route } from "../call";
import { checkUnique, isProxiable, normaliseRecord, recordSchema, type RecordParts } from "../dns-rules";
import { type Answer, paginate, refuse } from "../envelope";
import { hexId } from "../ids";
import type { DnsRow } from "../model";
import { planLimits } from "../plan";
import { bodyError, parse } from "../validate";

const path = "/zones/{zone_id}/dns_records";
const one = `${path}/{dns_record_id}`;

export const dnsRoutes: readonly Route[] = [
  { method: "GET", path, needs: ["DNS"], handle: list },
  {
    method: "POST",
    path,
    needs: ["DNS"],
    handle: (call) => ({ result: recordBody(create(call, call.body), call) }),
  },
  { method: "POST", path: `${path}/batch`, needs: ["DNS"], handle: batch },
  { method: "GET", path: `${path}/export`, needs: ["DNS"], handle: exportZone },
  { method: "GET", path: one, needs: ["DNS"], handle: (call) => ({ result: recordBody(found(call), call) }) },
  {
    method: "PUT",
    path: one,
    needs: ["DNS"],
    handle: (call) => ({ result: recordBody(replace(call, found(call), call.body), call) }),
  },
  {
    method: "PATCH",
    path: one,
    needs: ["DNS"],
    handle: (call) => ({ result: recordBody(patch(call, found(call), call.body), call) }),
  },
  {
    method: "DELETE",
    path: one,
    needs: ["DNS"],
    handle: (call) => ({ result: { id: remove(call, found(call)) } }),
  },
];

function inZone({ store, zone }: Call): DnsRow[] {
  return store.list("dns", ({ zoneId }) => zoneId === zone.id);
}

function found(call: Call, id = call.params["dns_record_id"]!): DnsRow {
  const row = call.store.get("dns", id);
  if (row?.zoneId !== call.zone.id) throw refuse(404, 81044, "Record does not exist.");
  return row;
}

function create(call: Call, body: unknown): DnsRow {
  const others = inZone(call);
  const parts = checked(call, body, others);
  const quota = planLimits[call.zone.plan].dnsRecords;
  if (others.length >= quota)
    throw refuse(400, 81045, `Record quota exceeded: this zone may hold ${quota} records.`);
  return save(call, {
    ...parts,
    id: hexId(),
    zoneId: call.zone.id,
    createdOn: call.time,
    modifiedOn: call.time,
  });
}

function replace(call: Call, before: DnsRow, body: unknown): DnsRow {
  changeable(before);
  const parts = checked(
    call,
    body,
    inZone(call).filter(({ id }) => id !== before.id),
  );
  return save(
    call,
    { ...parts, id: before.id, zoneId: before.zoneId, createdOn: before.createdOn, modifiedOn: call.time },
    before,
  );
}

function patch(call: Call, before: DnsRow, body: unknown): DnsRow {
  const given = parse(z.record(z.string(), z.unknown()), body, {
    code: 9207,
    prefix: "Request body is invalid: ",
  });
  // A change of content or data makes the other one follow.
  const { content, data, ...rest } = asBody(before);
  const kept = "content" in given || "data" in given ? rest : { ...rest, content, data };
  return replace(call, before, { ...kept, ...given });
}

function remove(call: Call, row: DnsRow): string {
  changeable(row);
  call.store.delete("dns", row.id);
  return row.id;
}

function changeable(row: DnsRow): void {
  if (row.ownedBy !== undefined) {
    throw refuse(400, 1043, `This record is managed by ${row.ownedBy} and can only be changed there.`);
  }
}

function checked(call: Call, body: unknown, others: readonly DnsRow[]): RecordParts {
  const parsed = recordSchema.safeParse(body ?? {});
  if (!parsed.success) {
    const { path: at, message } = parsed.error.issues[0]!;
    if (at[0] === "name" || at[0] === "type")
      throw bodyError([message === "Required" ? "DNS name is invalid." : message], {
        code: at[0] === "name" ? 9000 : 9001,
      });
    throw bodyError([`${at.join(".")}: ${message}`], { code: 9207, prefix: "Request body is invalid: " });
  }
  const parts = normaliseRecord(parsed.data, call.zone);
  checkUnique(parts, others);
  return parts;
}

function save(call: Call, row: DnsRow, before?: DnsRow): DnsRow {
  const commented = row.comment !== (before?.comment ?? null);
  const tagged = row.tags.join() !== (before?.tags.join() ?? "");
  return call.store.put("dns", row.id, {
    ...row,
    commentModifiedOn: row.comment === null ? undefined : commented ? call.time : before?.commentModifiedOn,
    tagsModifiedOn: row.tags.length === 0 ? undefined : tagged ? call.time : before?.tagsModifiedOn,
  });
}

/** All or nothing; deletes, then patches, puts, posts, as the API documents. */
function batch(call: Call): Answer {
  const ids = z.array(z.looseObject({ id: z.string() })).default([]);
  const body = parse(
    z.object({ deletes: ids, patches: ids, puts: ids, posts: z.array(z.unknown()).default([]) }),
    call.body,
    { code: 9207, prefix: "Request body is invalid: " },
  );
  const deletes = body.deletes.map(({ id }) => {
    const row = found(call, id);
    remove(call, row);
    return recordBody(row, call);
  });
  const patches = body.patches.map((item) => recordBody(patch(call, found(call, item.id), item), call));
  const puts = body.puts.map((item) => recordBody(replace(call, found(call, item.id), item), call));
  const posts = body.posts.map((item) => recordBody(create(call, item), call));
  return { result: { deletes, patches, puts, posts } };
}

type Operator = "exact" | "contains" | "startswith" | "endswith";

function list(call: Call): Answer {
  const { query } = call;
  const tests: ((row: DnsRow) => boolean)[] = [];
  if (query["type"] !== undefined) tests.push((row) => row.type === query["type"]!.toUpperCase());
  if (query["proxied"] !== undefined) tests.push((row) => String(row.proxied) === query["proxied"]);
  for (const field of ["name", "content", "comment"] as const) {
    for (const operator of ["", ".exact", ".contains", ".startswith", ".endswith"]) {
      const wanted = query[field + operator]?.toLowerCase();
      if (wanted !== undefined)
        tests.push((row) => compare((row[field] ?? "").toLowerCase(), wanted, operator.slice(1) as Operator));
    }
  }
  if (query["comment.present"] !== undefined) tests.push(({ comment }) => comment !== null);
  if (query["comment.absent"] !== undefined) tests.push(({ comment }) => comment === null);
  if (query["tag"] !== undefined) tests.push(({ tags }) => tags.includes(query["tag"]!));
  const any = query["match"] === "any" && tests.length > 0;
  const search = query["search"]?.toLowerCase();
  const rows = inZone(call).filter(
    (row) =>
      (any ? tests.some((test) => test(row)) : tests.every((test) => test(row))) &&
      (search === undefined ||
        `${row.name} ${row.content} ${row.comment ?? ""}`.toLowerCase().includes(search)),
  );
  sort(rows, query["order"] ?? "type", query["direction"] === "desc");
  const { page, resultInfo } = paginate(rows, query, { perPage: 100, most: 5_000_000 });
  return { result: page.map((row) => recordBody(row, call)), resultInfo };
}

function compare(value: string, wanted: string, operator: Operator | ""): boolean {
  if (operator === "contains") return value.includes(wanted);
  if (operator === "startswith") return value.startsWith(wanted);
  if (operator === "endswith") return value.endsWith(wanted);
  return value === wanted;
}

function sort(rows: DnsRow[], order: string, descending: boolean): void {
  const key = (row: DnsRow): string => {
    if (order === "ttl") return String(row.ttl).padStart(9, "0");
    if (order === "name" || order === "content") return row[order];
    if (order === "proxied") return String(row.proxied);
    return `${row.type} ${row.name}`;
  };
  rows.sort((left, right) => key(left).localeCompare(key(right)) || left.id.localeCompare(right.id));
  if (descending) rows.reverse();
}

/** The whole zone in the form of a zone file. */
function exportZone(call: Call): Answer {
  const lines = inZone(call).map(
    ({ name, ttl, type, priority, content }) =>
      `${name}.\t${ttl}\tIN\t${type}\t${priority === undefined ? "" : `${priority} `}${type === "CNAME" || type === "MX" ? `${content}.` : content}`,
  );
  return {
    raw: `$ORIGIN ${call.zone.name}.\n${lines.join("\n")}\n`,
    contentType: "text/plain; charset=utf-8",
  };
}

function asBody(row: DnsRow): Record<string, unknown> {
  const { name, type, content, ttl, proxied, comment, tags, priority, data, settings, privateRouting } = row;
  return {
    name,
    type,
    content,
    ttl,
    proxied,
    comment,
    tags,
    priority,
    data,
    settings,
    private_routing: privateRouting,
  };
}

function recordBody(row: DnsRow, { zone }: Call): object {
  return {
    id: row.id,
    zone_id: zone.id,
    zone_name: zone.name,
    name: row.name,
    type: row.type,
    content: row.content,
    proxiable: isProxiable(row.type, row.content),
    proxied: row.proxied,
    ttl: row.ttl,
    ...(row.settings === undefined ? {} : { settings: row.settings }),
    ...(row.data === undefined ? {} : { data: row.data }),
    ...(row.priority === undefined ? {} : { priority: row.priority }),
    ...(row.privateRouting === undefined ? {} : { private_routing: row.privateRouting }),
    meta: row.ownedBy === undefined ? {} : { read_only: true, managed_by: row.ownedBy },
    comment: row.comment,
    tags: row.tags,
    created_on: row.createdOn,
    modified_on: row.modifiedOn,
    ...(row.commentModifiedOn === undefined ? {} : { comment_modified_on: row.commentModifiedOn }),
    ...(row.tagsModifiedOn === undefined ? {} : { tags_modified_on: row.tagsModifiedOn }),
  };
}
