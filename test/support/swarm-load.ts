import { Agent, request } from "node:http";
import { WebSocket } from "ws";

/** What {@link startSwarmLoad} has seen. */
export interface SwarmLoad {
  readonly sent: number;
  readonly failures: readonly string[];
  readonly longestGapMs: number;
  readonly releases: ReadonlySet<string>;
  readonly sockets: { readonly closed: number; readonly cut: number };
}

/** Requests to the hosts in turn, half of them POST, over kept-alive connections; and some WebSockets. */
export function startSwarmLoad(
  addresses: readonly string[],
  perSecond: number,
): { stop(): Promise<SwarmLoad> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const failures: string[] = [];
  const releases = new Set<string>();
  const pending = new Set<Promise<void>>();
  const closes = { closed: 0, cut: 0 };
  const began = Date.now();
  let sent = 0;
  let lastAnswer = Date.now();
  let longestGapMs = 0;
  let ending = false;
  const one = (): Promise<void> => {
    const number = sent++;
    const host = addresses[number % addresses.length]!;
    return new Promise((resolve) => {
      const fail = (why: string) => {
        failures.push(`${((Date.now() - began) / 1000).toFixed(1)} s ${host}: ${why}`);
        resolve();
      };
      const call = request(
        { host, port: 8080, path: "/x", agent, method: number % 2 === 0 ? "GET" : "POST", timeout: 10_000 },
        (response) => {
          let text = "";
          response.on("data", (chunk) => (text += String(chunk)));
          response.on("error", (error) => fail(error.message));
          response.on("end", () => {
            if (response.statusCode !== 200) return fail(`status ${String(response.statusCode)}`);
            longestGapMs = Math.max(longestGapMs, Date.now() - lastAnswer);
            lastAnswer = Date.now();
            releases.add(text.trim());
            resolve();
          });
        },
      );
      call.on("timeout", () => call.destroy(new Error("no answer in 10 s")));
      call.on("error", (error) => fail(error.message));
      call.end(number % 2 === 0 ? undefined : "body");
    });
  };
  const timer = setInterval(() => {
    while (sent < ((Date.now() - began) / 1000) * perSecond) {
      const promise = one().finally(() => pending.delete(promise));
      pending.add(promise);
    }
  }, 5);
  const sockets = Array.from({ length: 12 }, (_, index) => {
    const socket = new WebSocket(`ws://${addresses[index % addresses.length]!}:8080/ws`);
    socket.on("close", (code) => {
      if (!ending) closes[code === 1006 ? "cut" : "closed"]++;
    });
    socket.on("error", () => undefined);
    return socket;
  });
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      ending = true;
      for (const socket of sockets) socket.terminate();
      agent.destroy();
      return { sent, failures, longestGapMs, releases, sockets: closes };
    },
  };
}
