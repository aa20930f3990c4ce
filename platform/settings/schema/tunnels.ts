import { z } from "zod";
import { complainAboutHostname } from "../hostnames";
import { checked, field, type Complaint } from "./field";
import { amount, composeName, hostname, urlPath } from "./values";

const SERVICE = "http://<service>:<port>, https://, tcp://, ssh://, unix:/<path> or http_status:<status>";

function complainAboutService(value: string): Complaint | undefined {
  const complain = (what: string, fix?: string): Complaint => ({ what, allowed: SERVICE, fix });
  if (/^http_status:[1-5]\d\d$/.test(value)) return undefined;
  if (/^unix:\/\S+$/.test(value)) return undefined;
  if (/^[a-z0-9_.-]+:\d+$/i.test(value)) return complain("the scheme is missing", `write http://${value}`);
  const match = /^(https?|tcp|ssh):\/\/(\[[0-9a-f:]+\]|[A-Za-z0-9_.-]+)(?::(\d+))?(\/.*)?$/.exec(value);
  if (match === null) return complain("the tunnel cannot connect to this");
  const [, , , portText, path] = match;
  if (portText !== undefined && (Number(portText) < 1 || Number(portText) > 65535)) {
    return complain("the port is not from 1 to 65535");
  }
  if (path !== undefined)
    return complain("a tunnel's service has no path", `write ${value.slice(0, -path.length)}`);
  return undefined;
}

function complainAboutIngressName(value: string): Complaint | undefined {
  const complaint = complainAboutHostname(value);
  if (complaint === undefined || !/^\**$/.test(value)) return complaint;
  return { ...complaint, fix: "remove it: the rule for all other names is added by itself (catchAll)" };
}

const serviceUrl = field(checked(z.string(), complainAboutService), {
  description: "What cloudflared connects to, as the host's network sees it.",
  examples: ["http://pika-cloud:3001"],
  allowed: SERVICE,
});

const rule = z.union([
  serviceUrl,
  z.strictObject({
    service: serviceUrl,
    path: urlPath("Only this path and what is below it.", ["/ws"]).optional(),
    httpHostHeader: hostname("The Host header that the service gets. Default: the public name.").optional(),
    noTlsVerify: field(z.boolean(), {
      description: "Accepts any certificate of an https:// service.",
    }).default(false),
    connectTimeoutSeconds: amount(
      "seconds",
      1,
      300,
      "How long a connection to the service may take.",
      [30],
    ).default(30),
  }),
]);

export const tunnel = field(
  z.strictObject({
    name: field(z.string().min(1).max(100), {
      description: "The tunnel's name in the account, unique there. Default: `<project>-<stack>-<entry>`.",
      examples: ["pika-prod"],
    }).optional(),
    ingress: field(
      z.record(
        field(checked(z.string(), complainAboutIngressName), {
          description: "A host name below the domain.",
          examples: ["api.pika.dance"],
        }),
        field(rule, {
          description: "Where the host name leads: an address, or one with options.",
          allowed: `${SERVICE}; or {service: …, path: …}`,
        }),
      ),
      {
        description:
          "Host name -> service. Each name gets its DNS record. The rule for all other names is added by itself.",
        examples: [{ "api.pika.dance": "http://pika-cloud:3001" }],
      },
    ),
    catchAll: field(
      checked(z.string(), (value) =>
        /^http_status:[1-5]\d\d$/.test(value)
          ? undefined
          : { what: "all other names get a status", allowed: "http_status:404 or another status" },
      ),
      { description: "What all other names get.", allowed: "http_status:404 or another status" },
    ).default("http_status:404"),
    connectorService: composeName(
      "The compose service that runs cloudflared and gets TUNNEL_TOKEN. Added where the compose file has none of that name.",
      ["cloudflared"],
    ).default("cloudflared"),
  }),
  { description: "A Cloudflare tunnel: the host connects out, nothing connects in." },
);

export type TunnelSettings = z.output<typeof tunnel>;
