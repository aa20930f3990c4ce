import type { FlagTable } from "../docker/arguments";

const noFlags: FlagTable = { values: [], booleans: [] };

/** Flags of Compose's commands that the runner of plain processes takes. Those without an effect are taken as well. */
export const commandFlags: Readonly<Record<string, FlagTable>> = {
  up: {
    values: ["wait-timeout", "timeout", "pull", "scale", "exit-code-from"],
    booleans: [
      ..."detach wait no-deps force-recreate no-recreate remove-orphans no-build build quiet-pull no-start".split(
        " ",
      ),
      ..."renew-anon-volumes no-color no-log-prefix always-recreate-deps yes".split(" "),
    ],
    aliases: { d: "detach", t: "timeout", V: "renew-anon-volumes", y: "yes" },
  },
  create: {
    values: ["pull", "scale"],
    booleans: ["force-recreate", "no-recreate", "remove-orphans", "build", "no-build"],
  },
  ps: {
    values: ["format", "filter", "status"],
    booleans: ["all", "quiet", "services", "no-trunc", "orphans"],
    aliases: { a: "all", q: "quiet" },
  },
  exec: {
    values: ["env", "user", "workdir", "index"],
    booleans: ["no-TTY", "detach", "privileged", "interactive", "tty"],
    aliases: {
      T: "no-TTY",
      e: "env",
      u: "user",
      w: "workdir",
      d: "detach",
      i: "interactive",
      t: "tty",
      "no-tty": "no-TTY",
    },
    stopAtWord: true,
  },
  run: {
    values: [
      "env",
      "user",
      "workdir",
      "entrypoint",
      "name",
      "volume",
      "label",
      "publish",
      "pull",
      "env-from-file",
    ],
    booleans: [
      ..."rm no-deps no-TTY detach interactive build quiet quiet-pull service-ports use-aliases remove-orphans".split(
        " ",
      ),
      "quiet-build",
    ],
    aliases: {
      T: "no-TTY",
      e: "env",
      u: "user",
      w: "workdir",
      d: "detach",
      i: "interactive",
      v: "volume",
      l: "label",
      p: "publish",
      q: "quiet",
    },
    stopAtWord: true,
  },
  stop: { values: ["timeout"], booleans: [], aliases: { t: "timeout" } },
  kill: { values: ["signal"], booleans: ["remove-orphans"], aliases: { s: "signal" } },
  start: { values: ["wait-timeout"], booleans: ["wait"] },
  restart: { values: ["timeout"], booleans: ["no-deps"], aliases: { t: "timeout" } },
  rm: {
    values: [],
    booleans: ["force", "stop", "volumes"],
    aliases: { f: "force", s: "stop", v: "volumes" },
  },
  down: {
    values: ["timeout", "rmi"],
    booleans: ["volumes", "remove-orphans"],
    aliases: { t: "timeout", v: "volumes" },
  },
  logs: {
    values: ["tail", "since", "until", "index"],
    booleans: ["no-color", "follow", "timestamps", "no-log-prefix"],
    aliases: { n: "tail", f: "follow", t: "timestamps" },
  },
  config: {
    values: ["format", "hash", "output"],
    booleans: [
      "images",
      "services",
      "volumes",
      "networks",
      "profiles",
      "quiet",
      "no-interpolate",
      "resolve-image-digests",
      "environment",
      "variables",
      "no-normalize",
      "no-path-resolution",
      "no-consistency",
    ],
    aliases: { q: "quiet", o: "output" },
  },
  pull: {
    values: ["policy"],
    booleans: ["quiet", "ignore-pull-failures", "include-deps", "ignore-buildable"],
    aliases: { q: "quiet" },
  },
  images: { values: ["format"], booleans: ["quiet"], aliases: { q: "quiet" } },
  port: { values: ["protocol", "index"], booleans: [] },
  version: { values: ["format"], booleans: ["short"], aliases: { f: "format" } },
  ls: { values: ["format", "filter"], booleans: ["all", "quiet"], aliases: { a: "all", q: "quiet" } },
  top: noFlags,
  wait: { values: [], booleans: ["down-project"] },
};
