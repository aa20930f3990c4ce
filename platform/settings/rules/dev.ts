import { configPath, type Keys } from "../paths";
import { tierOf } from "../tier";
import type { Rule } from "./context";

const tiers: Rule = (context) => {
  const { tier } = context.values;
  if (tier !== undefined && tier !== "production" && tierOf(context.stack) === "production") {
    context.report({
      keys: ["tier"],
      what: `a stack called ${context.stack} that is not production would lose what protects production`,
      value: true,
      allowed: "production, or nothing, for a stack of this name",
      fix: "remove the line, or give the stack another name",
    });
  }
  if (context.values.dev !== undefined && context.tier === "production") {
    context.report({
      keys: ["dev"],
      atKey: true,
      what: "development services in a production stack",
      allowed: "dev in development stacks",
      fix: "remove it here; it belongs into Pulumi.dev.yaml",
    });
  }
};

const ports: Rule = (context) => {
  const { dev } = context.values;
  if (dev === undefined) return;
  const taken: { port: number; keys: Keys }[] = [];
  if (dev.entry !== undefined) taken.push({ port: dev.entry.port, keys: ["dev", "entry", "port"] });
  for (const [name, { port, consolePort }] of Object.entries(dev.services)) {
    taken.push({ port, keys: ["dev", "services", name, "port"] });
    if (consolePort !== undefined)
      taken.push({ port: consolePort, keys: ["dev", "services", name, "consolePort"] });
  }
  for (const [path, port] of Object.entries(dev.entry?.routes ?? {})) {
    if (port === dev.entry?.port) taken.push({ port, keys: ["dev", "entry", "routes", path] });
  }
  const seen = new Map<number, Keys>();
  for (const { port, keys } of taken) {
    const first = seen.get(port);
    if (first === undefined) seen.set(port, keys);
    else {
      context.report({
        keys,
        what: `two services want port ${port} of this machine: groundwork:${configPath(first)} has it already`,
        value: true,
        allowed: "each port once",
        fix: "choose another port",
      });
    }
  }
};

const worktrees: Rule = (context) => {
  const ranges = Object.entries(context.values.dev?.worktrees ?? {}).map(([name, text]) => {
    const [first = 0, last = 0] = text.split("-").map(Number);
    return { name, first, last };
  });
  ranges.forEach(({ name, first, last }, index) => {
    const other = ranges.slice(0, index).find((range) => first <= range.last && range.first <= last);
    if (other === undefined) return;
    context.report({
      keys: ["dev", "worktrees", name],
      what: `the range overlaps that of ${other.name}, so two programs could get one port`,
      value: true,
      allowed: "ranges without a port in common",
      fix: `start above ${other.last}, or end below ${other.first}`,
    });
  });
};

export const devRules: readonly Rule[] = [tiers, ports, worktrees];
