import { distance } from "fastest-levenshtein";
import { listOf } from "../nearest";
import { configPath, type Keys } from "../paths";
import {
  generatedName,
  isSecretReference,
  resolveReference,
  type Variable,
  variablesOf,
} from "../references";
import { PUBLIC_NAME } from "../secret-patterns";
import type { Rule, RuleContext } from "./context";

const leadSomewhere: Rule = (context) => {
  const { values } = context;
  for (const { keys, origin, value } of variablesOf(values)) {
    if (typeof value === "string" || !("from" in value)) continue;
    const result = resolveReference(values, value.from, origin);
    if ("reference" in result || isUnsure(context, value.from, result.needs)) continue;
    context.report({
      keys: [...keys, "from"],
      what: `\`from\` leads to nothing: ${result.problem}`,
      value: true,
      allowed: result.allowed,
      fix: result.fix,
    });
  }
};

/** Where the part that is named was refused itself, one message is enough. */
function isUnsure(context: RuleContext, from: string, needs: Keys | undefined): boolean {
  if (needs !== undefined && context.isTouched(needs)) return true;
  const [part = "", name = ""] = from.split(".");
  return context.isTouched([part, name]);
}

const noCircle: Rule = (context) => {
  const variables = variablesOf(context.values);
  const byPath = new Map(variables.map((variable) => [configPath(variable.keys), variable]));
  const next = ({ value, origin }: Variable): Variable | undefined => {
    if (typeof value === "string" || !("from" in value)) return undefined;
    const result = resolveReference(context.values, value.from, origin);
    if (!("reference" in result) || result.reference.kind !== "variable") return undefined;
    return byPath.get(configPath(result.reference.keys));
  };
  const told = new Set<Variable>();
  for (const start of variables) {
    const chain: Variable[] = [];
    let current: Variable | undefined = start;
    while (current !== undefined && !chain.includes(current) && !told.has(current)) {
      chain.push(current);
      current = next(current);
    }
    if (current !== undefined && current === start && !told.has(start)) {
      context.report({
        keys: [...start.keys, "from"],
        what: `variables that name each other in a circle: ${[...chain, start].map(({ keys }) => configPath(keys)).join(" -> ")}`,
        value: true,
        allowed: "a chain that ends at a text, an output, {generate: …} or {secret: …}",
        fix: "give one of them a value of its own",
      });
      chain.forEach((variable) => told.add(variable));
    }
  }
};

const publicIsPublic: Rule = (context) => {
  for (const { keys, name, origin, value } of variablesOf(context.values)) {
    const isArgument = keys.includes("arguments") && keys.at(-2) === "arguments";
    if (!PUBLIC_NAME.test(name) && !isArgument) continue;
    if (typeof value === "string") continue;
    const isSecret = !("from" in value) || isSecretReference(context.values, value.from, origin);
    if (!isSecret) continue;
    context.report({
      keys,
      what: isArgument
        ? "a build argument stays readable in the image's layers, but this is a secret"
        : `${name} is copied into what visitors download, but this is a secret`,
      allowed: isArgument
        ? "build.secrets for secrets of the build"
        : "text, or an output that is not secret",
      fix: isArgument
        ? `move it to groundwork:${configPath([...keys.slice(0, -2), "secrets", name])}`
        : "give the variable a name without the public prefix, or another value",
    });
  }
};

/** Generated values are kept by a name of letters that stand in their path: two paths can come to the same one. */
const generatedOnce: Rule = (context) => {
  const owners = new Map<string, Keys>();
  for (const { keys, value } of variablesOf(context.values)) {
    if (typeof value === "string" || !("generate" in value)) continue;
    const name = generatedName(keys);
    const first = owners.get(name);
    if (first === undefined) {
      owners.set(name, keys);
      continue;
    }
    context.report({
      keys,
      atKey: true,
      what: `this would be the same secret as groundwork:${configPath(first)}: both are kept as ${name}`,
      allowed: "generated variables whose paths differ in more than hyphens, underscores and capital letters",
      fix: `rename one of the two, or write {from: ${configPath(first)}} where one secret is meant`,
    });
  }
};

const uniqueTargets: Rule = (context) => {
  const seen = new Set<string>();
  context.values.resolve.forEach((entry, index) => {
    const key = /^(\[[^\]]*\]|[^:]*):\d+/.exec(entry)?.[0] ?? entry;
    if (seen.has(key)) {
      context.report({
        keys: ["resolve", index],
        what: `${key} stands twice, so one of the two is never used`,
        value: true,
        allowed: "each host and port once",
        fix: "remove one of them",
      });
    }
    seen.add(key);
  });
};

const tokens: Rule = (context) => {
  for (const [name, token] of Object.entries(context.values.tokens)) {
    if (token.permissions.length + token.permissionGroupIds.length > 0) continue;
    if (
      context.isTouched(["tokens", name, "permissions"]) ||
      context.isTouched(["tokens", name, "permissionGroupIds"])
    )
      continue;
    context.report({
      keys: ["tokens", name],
      atKey: true,
      what: "the token may do nothing",
      allowed: "permissions, or permissionGroupIds",
      fix: "add permissions, such as [Stream Write]",
    });
  }
  for (const [name, { consumers }] of Object.entries(context.values.buckets)) {
    const origins = Object.keys(context.values.origins);
    for (const consumer of Object.keys(consumers)) {
      if (origins.includes(consumer) || consumer.length < 4) continue;
      const better = origins.find((origin) => distance(origin, consumer) === 1);
      if (better === undefined) continue;
      context.report({
        keys: ["buckets", name, "consumers", consumer],
        atKey: true,
        what: `there is no origin ${consumer}; ${better} is the nearest`,
        allowed: `${listOf(origins)}, or a name that is not nearly one of them`,
        fix: `rename it to ${better}`,
      });
    }
  }
};

export const referenceRules: readonly Rule[] = [
  leadSomewhere,
  noCircle,
  publicIsPublic,
  generatedOnce,
  uniqueTargets,
  tokens,
];
