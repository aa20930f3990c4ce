import { z } from "zod";
import type { Call, Route } from "../call";
import { type Answer, refuse } from "../envelope";
import { secret } from "../ids";
import { readJwt, signJwt } from "../jwt";
import { accountLimits } from "../plan";
import { parse } from "../validate";
import { projectOf } from "./pages-projects";

/** How long an upload token is good for, in seconds. */
const tokenSeconds = 1800;
const errors = { code: 8000005, prefix: "Invalid request body: " };
const hash = z.string().regex(/^[0-9a-f]{32}$/, "not a hash of 32 hex digits");
const uploads = z.array(
  z.object({
    key: hash,
    value: z.string(),
    base64: z.boolean().default(false),
    metadata: z.object({ contentType: z.string() }).optional(),
  }),
);

export const pagesAssetRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/accounts/{account_id}/pages/projects/{project_name}/upload-token",
    needs: ["Pages"],
    handle: uploadToken,
  },
  { method: "POST", path: "/pages/assets/check-missing", needs: "public", handle: checkMissing },
  { method: "POST", path: "/pages/assets/upload", needs: "public", handle: upload },
  { method: "POST", path: "/pages/assets/upsert-hashes", needs: "public", handle: upsert },
];

function uploadToken(call: Call): Answer {
  const project = projectOf(call);
  const issued = Math.floor(call.now().getTime() / 1000);
  const claims = {
    iss: "pages",
    sub: project.id,
    account: call.account.id,
    iat: issued,
    exp: issued + tokenSeconds,
    max_file_count_allowed: accountLimits.pagesFiles,
  };
  return { result: { jwt: signJwt(claims, signingKey(call)) } };
}

/** Made at first use and kept, so that a token outlives a restart. */
function signingKey({ store, time }: Call): string {
  const kept = store.get("documents", "upload-key")?.body["key"];
  if (typeof kept === "string") return kept;
  const key = secret(43);
  store.put("documents", "upload-key", { owner: "", body: { key }, modifiedOn: time });
  return key;
}

function checkToken(call: Call): void {
  const token = /^Bearer (.+)$/.exec(call.headers.authorization ?? "")?.[1] ?? "";
  const claims = readJwt(token, signingKey(call));
  if (claims === undefined) throw refuse(401, 8000014, "Authorization failed");
  if (Number(claims["exp"]) <= call.now().getTime() / 1000)
    throw refuse(401, 8000013, "Authorization expired");
}

function checkMissing(call: Call): Answer {
  checkToken(call);
  return {
    result: parse(z.object({ hashes: z.array(hash) }), call.body ?? {}, errors).hashes.filter(
      (key) => !isThere(call, key),
    ),
  };
}

function isThere({ store, assets }: Call, key: string): boolean {
  const row = store.get("assets", key);
  return row !== undefined && assets.has(row.sha256);
}

function upload(call: Call): Answer {
  checkToken(call);
  const files = parse(uploads, call.body ?? [], errors);
  for (const { key, value, base64, metadata } of files) {
    const content = Buffer.from(value, base64 ? "base64" : "utf8");
    if (content.length > accountLimits.pagesFileBytes) {
      throw refuse(413, 8000040, `A file is larger than ${accountLimits.pagesFileBytes} bytes.`);
    }
    const contentType = metadata?.contentType ?? "application/octet-stream";
    call.store.put("assets", key, { sha256: call.assets.put(content), contentType, size: content.length });
  }
  return { result: { successful_key_count: files.length, unsuccessful_keys: [] } };
}

function upsert(call: Call): Answer {
  checkToken(call);
  parse(z.object({ hashes: z.array(hash) }), call.body ?? {}, errors);
  return { result: null };
}
