import { z } from "zod";
import type { Route } from "../call";
import { below, crud } from "../crud";
import { refuse } from "../envelope";
import { hexId, secret } from "../ids";
import type { Json, ObjectRow } from "../model";

const schema = z.looseObject({
  meta: z.record(z.string(), z.unknown()).optional(),
  recording: z.looseObject({ mode: z.enum(["off", "automatic"]).optional() }).optional(),
  defaultCreator: z.string().optional(),
  deleteRecordingAfterDays: z.number().min(30).max(1096).optional(),
  enabled: z.boolean().optional(),
});

const routes = crud({
  kind: "live-input",
  at: "/stream/live_inputs",
  needs: ["Stream"],
  id: "hex",
  schema,
  errors: { code: 10005, prefix: "Bad Request: " },
  missing: () => refuse(404, 10003, "Not Found: live input"),
  // The keys are made once and stay; what a client changes is around them.
  complete: (body, _call, before) => ({
    ...body,
    meta: body["meta"] ?? {},
    recording: {
      mode: "off",
      requireSignedURLs: false,
      allowedOrigins: null,
      hideLiveViewerCount: false,
      ...(body["recording"] as object | undefined),
    },
    keys: before?.body["keys"] ?? {
      stream: secret(64),
      play: secret(64),
      passphrase: secret(64),
      playPassphrase: secret(64),
      web: secret(64),
    },
    uid: before?.body["uid"] ?? hexId(),
  }),
  present: liveInputBody,
  deleted: () => undefined,
});

export const streamRoutes: readonly Route[] = below(
  "/accounts/{account_id}",
  routes.map((route) =>
    // This list has a form of its own.
    route.method === "GET" && route.path === "/stream/live_inputs"
      ? {
          ...route,
          handle: (call) => {
            const rows = call.store.list(
              "objects",
              ({ kind, scope }) => kind === "live-input" && scope === call.scope,
            );
            return { result: { liveInputs: rows.map(summary), range: rows.length, total: rows.length } };
          },
        }
      : route,
  ),
);

function summary(row: ObjectRow): object {
  return {
    uid: row.id,
    created: row.createdAt,
    modified: row.updatedAt,
    meta: row.body["meta"],
    deleteRecordingAfterDays: row.body["deleteRecordingAfterDays"] ?? null,
    enabled: row.body["enabled"] ?? true,
  };
}

function liveInputBody(row: ObjectRow): object {
  const keys = row.body["keys"] as Record<string, string>;
  const web = `https://customer-sandbox.cloudflarestream.com/${keys["web"]!}`;
  return {
    ...summary(row),
    recording: row.body["recording"] as Json,
    ...(row.body["defaultCreator"] === undefined ? {} : { defaultCreator: row.body["defaultCreator"] }),
    rtmps: { url: "rtmps://live.cloudflare.com:443/live/", streamKey: keys["stream"] },
    rtmpsPlayback: { url: "rtmps://live.cloudflare.com:443/live/", streamKey: keys["play"] },
    srt: { url: "srt://live.cloudflare.com:778", streamId: row.id, passphrase: keys["passphrase"] },
    srtPlayback: {
      url: "srt://live.cloudflare.com:778",
      streamId: `play${row.id}`,
      passphrase: keys["playPassphrase"],
    },
    webRTC: { url: `${web}/webRTC/publish` },
    webRTCPlayback: { url: `${web}/webRTC/play` },
    status: null,
  };
}
