/** Builds the text of a stack file for tests: a right beginning, then what the test is about. */

/** A well-formed ed25519 public key whose 32 bytes are all zero: pins nothing real. */
export const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/** Secrets that most tests need to be there. */
const PRESENT = [
  "CLOUDFLARE_API_TOKEN",
  "SSH_PRIVATE_KEY",
  "REGISTRY_TOKEN",
  "DATABASE_PASSWORD",
  "GITHUB_OAUTH_CLIENT_SECRET",
];

/** One host, one compose origin on it: right by themselves, to be built upon. */
export const ORIGIN = `
groundwork:hosts:
  one: { address: 203.0.113.10, user: deploy, hostKey: "${HOST_KEY}" }
groundwork:origins:
  api:
    kind: compose
    host: one
    hostnames: [api.acme.example]
    composeFile: compose.yaml
    project: acme
    services:
      api: { port: 4000, publish: 80, healthPath: /health }
`;

/** The same with more lines in the origin, each indented by four spaces. */
export function originWith(lines: string): string {
  return `${ORIGIN}${indent(lines.trim(), 4)}\n`;
}

/**
 * A whole stack file around `body`, whose lines start at the first column. What the body does not say itself is added:
 * domain acme.example, an account, and encrypted secrets.
 */
export function stackText(body: string, secrets: readonly string[] = PRESENT): string {
  const lines = ["config:"];
  if (!body.includes("groundwork:domain:")) lines.push("  groundwork:domain: acme.example");
  if (!body.includes("groundwork:cloudflare:")) {
    lines.push("  groundwork:cloudflare:", `    accountId: "${"0".repeat(29)}0a1"`);
  }
  if (!body.includes("groundwork:secrets:") && secrets.length > 0) {
    lines.push("  groundwork:secrets:", ...secrets.map((name) => `    ${name}: { secure: "v1:AAAA:BBBB" }`));
  }
  return `${lines.join("\n")}\n${indent(body.trim(), 2)}\n`;
}

function indent(text: string, spaces: number): string {
  return text
    .split("\n")
    .map((line) => (line === "" ? line : " ".repeat(spaces) + line))
    .join("\n");
}
