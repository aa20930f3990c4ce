/** dist/postgres-provision.js: reads a {@link ProvisionInput} from standard input, prints one line of JSON. */
import { provision, type ProvisionInput } from "./provision";

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const input = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ProvisionInput;
  try {
    const { created } = await provision(input);
    console.log(JSON.stringify({ step: "postgres-roles", database: input.database, created }));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(
      `postgres-roles: ${input.serverName}:${input.port} refused as ${input.adminUser}: ` +
        message.replaceAll(input.adminPassword, "[secret]"),
    );
    process.exitCode = 20;
  }
}

void main();
