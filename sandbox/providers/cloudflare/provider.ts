/**
 * `pulumi-resource-cloudflare`: the resources and functions of @pulumi/cloudflare that environments are made of, over
 * the v4 API. Keeps nothing itself, so it works with Cloudflare as it does with the sandbox's server.
 */
import type { ProviderDefinition } from "../definition";
import { isUnknown, type Value, type Values } from "../values";
import { Client, type ClientOptions } from "./client";
import { invokes } from "./invokes";
import { defineResource } from "./resource";
import { tables } from "./tables";

const standardUrl = "https://api.cloudflare.com/client/v4/";

export const provider: ProviderDefinition<Client> = {
  name: "cloudflare",
  version: "6.22.1",
  config: {
    apiToken: { secret: true },
    apiKey: { secret: true },
    apiUserServiceKey: { secret: true },
    email: {},
    baseUrl: {},
    userAgentOperatorSuffix: {},
  },
  configure: (settings) => new Client(clientOptions(settings, process.env)),
  resources: Object.fromEntries(tables.map(defineResource)),
  invokes,
};

/** What a pattern says in words. */
const patterns = {
  apiToken: [/^[0-9A-Za-z\-_]{40,80}$/, "40 to 80 letters, digits, hyphens and underscores"],
  apiKey: [/^[0-9A-Za-z\-_]{37,60}$/, "37 to 60 letters, digits, hyphens and underscores"],
} as const;

/**
 * Settings win over the environment, one by one. Only what is configured has to look right; the environment's
 * is the API's to judge, as with the real provider.
 *
 * @throws Error naming the setting that is wrong, never its value
 */
export function clientOptions(
  settings: Values,
  environment: Readonly<Record<string, string | undefined>>,
): ClientOptions {
  for (const name of ["apiToken", "apiKey"] as const) {
    const value = text(settings[name]);
    const [pattern, words] = patterns[name];
    if (value !== undefined && !pattern.test(value)) {
      throw new Error(
        `cloudflare:${name} has to be ${words}; the one configured has ${value.length} characters`,
      );
    }
  }
  if (text(settings["apiKey"]) !== undefined && !text(settings["email"] ?? environment["CLOUDFLARE_EMAIL"])) {
    throw new Error("cloudflare:apiKey needs cloudflare:email beside it");
  }
  const baseUrl = text(settings["baseUrl"]) ?? nonEmpty(environment["CLOUDFLARE_BASE_URL"]) ?? standardUrl;
  if (!URL.canParse(baseUrl) || !/^https?:/.test(baseUrl)) {
    throw new Error(`cloudflare:baseUrl has to be an http(s) address such as ${standardUrl}, not ${baseUrl}`);
  }
  const suffix = text(settings["userAgentOperatorSuffix"]);
  return {
    baseUrl,
    apiToken: text(settings["apiToken"]) ?? nonEmpty(environment["CLOUDFLARE_API_TOKEN"]),
    apiKey: text(settings["apiKey"]) ?? nonEmpty(environment["CLOUDFLARE_API_KEY"]),
    email: text(settings["email"]) ?? nonEmpty(environment["CLOUDFLARE_EMAIL"]),
    apiUserServiceKey:
      text(settings["apiUserServiceKey"]) ?? nonEmpty(environment["CLOUDFLARE_API_USER_SERVICE_KEY"]),
    headers: customHeaders(environment["CLOUDFLARE_CUSTOM_HEADERS"]),
    userAgent: ["groundwork-provider-cloudflare/6.22.1", suffix].filter(Boolean).join(" "),
  };
}

function text(value: Value): string | undefined {
  return typeof value === "string" && !isUnknown(value) ? nonEmpty(value) : undefined;
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

/** Lines of `Name: value`. */
function customHeaders(lines: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of (lines ?? "").split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}
