import type { IncomingMessage } from "node:http";

/** Headers that offer another protocol, and what `Connection` says of them. */
const offers = new Set(["upgrade", "http2-settings"]);

/**
 * The head of a request that offers another protocol (`Upgrade: h2c`, as curl and Java do), without the offer: who declines it
 * reads an ordinary request, body and all, which Node.js does not once it has seen the offer.
 */
export function headWithoutOffer({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method ?? ""} ${url ?? ""} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    const kept = name.toLowerCase() === "connection" ? withoutOffers(value) : value;
    if (!offers.has(name.toLowerCase()) && kept !== undefined) lines.push(`${name}: ${kept}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** Undefined where nothing else is said. */
function withoutOffers(connection: string): string | undefined {
  const others = connection.split(",").filter((option) => !offers.has(option.trim().toLowerCase()));
  return others.length === 0 ? undefined : others.join(",").trim();
}
