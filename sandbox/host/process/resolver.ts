import { createSocket, type Socket } from "node:dgram";
import { readJson } from "../files";
import { readQuestion, writeAnswer } from "./dns-message";
import { addressesIn, type NameTable } from "./names";

/** Where a service asks for the names of others: what Docker has at 127.0.0.11. */
export interface ResolverOptions {
  readonly address: string;
  readonly port: number;
  /** names.json, read anew for each question. */
  readonly namesFile: string;
  /** Real names of the networks whose services are known. */
  readonly networks: readonly string[];
}

/**
 * A DNS server (UDP) that knows the services of some networks, and nothing else. For programs that ask a resolver of
 * their own, such as Caddy; Node.js processes look names up by themselves, see preload.ts.
 */
export function startResolver({ address, port, namesFile, networks }: ResolverOptions): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const question = readQuestion(query);
    const known = question === undefined ? [] : addressesOf(namesFile, networks, question.name);
    const answer = writeAnswer(query, known.length === 0 ? undefined : known);
    socket.send(answer, from.port, from.address, () => undefined);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => {
      socket.off("error", reject);
      // What cannot be sent is asked for again.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function addressesOf(namesFile: string, networks: readonly string[], name: string): readonly string[] {
  const table = readJson<NameTable>(namesFile);
  return [...new Set(networks.flatMap((network) => addressesIn(table?.networks[network] ?? {}, name)))];
}
