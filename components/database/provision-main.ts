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
    const { message, hint } =
      error instanceof Error ? (error as Error & { hint?: string }) : { message: String(error) };
    console.error(
      `postgres-roles: ${input.serverName}:${input.port} refused as ${input.adminUser}: ` +
        [message, hint]
          .filter((text) => text !== undefined)
          .join("\n")
          .replaceAll(input.adminPassword, "[secret]"),
    );
    process.exitCode = 20;
  }
}

void main();
