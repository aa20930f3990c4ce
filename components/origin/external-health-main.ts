/** dist/external-health.js: asks an application at a PaaS by its own address, under the public name. */
import { request } from "node:https";

interface HealthInput {
  /** Where to connect. */
  readonly address: string;
  /** @default 443 */
  readonly port?: number;
  /** The name in the certificate and in the Host header. */
  readonly hostname: string;
  readonly path: string;
}

const attempts = 6;

function ask({ address, port = 443, hostname, path }: HealthInput): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: address, port, servername: hostname, headers: { host: hostname }, path, timeout: 10_000 },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer within 10 s")));
    sent.on("error", reject);
    sent.end();
  });
}

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const input = JSON.parse(Buffer.concat(chunks).toString("utf8")) as HealthInput;
  let problem = "";
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      const status = await ask(input);
      if (status >= 200 && status < 400) {
        console.log(JSON.stringify({ step: "external-health", hostname: input.hostname, status }));
        return;
      }
      problem = `answered ${status}`;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (attempt < attempts) await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
  }
  console.error(`${input.address} as ${input.hostname}${input.path}: ${problem}`);
  console.error("  next: add the host name at the platform, so that it has a certificate for it");
  process.exitCode = 20;
}

void main();
