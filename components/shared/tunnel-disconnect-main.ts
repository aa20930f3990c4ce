/**
 * dist/tunnel-disconnect.js: ends the connections of a tunnel that is about to be deleted. Cloudflare refuses to delete
 * one that is connected, and the containers of its connectors stay when a stack is destroyed.
 */
import { readInput } from "./read-input";

interface DisconnectInput {
  readonly apiUrl: string;
  readonly apiToken: string;
  readonly accountId: string;
  readonly tunnelId: string;
}

async function main(): Promise<void> {
  const input = await readInput<DisconnectInput>();
  const { apiUrl, accountId, tunnelId } = input;
  const answer = await fetch(`${apiUrl}/accounts/${accountId}/cfd_tunnel/${tunnelId}/connections`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${input.apiToken}` },
  });
  // A tunnel that is gone has no connections.
  if (!answer.ok && answer.status !== 404) {
    console.error(`the connections of tunnel ${tunnelId} could not be ended: status ${answer.status}`);
    console.error(
      "  next: stop cloudflared on its host (docker compose stop cloudflared), then destroy again",
    );
    process.exitCode = 1;
  }
}

void main();
