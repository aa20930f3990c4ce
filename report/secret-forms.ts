/** Shorter pieces of base64 would be found in ordinary words. */
const shortestPiece = 6;

/**
 * How a text may stand in another one: as it is, in JSON, also as Go writes it, in an address, in hexadecimal, in base64
 * by itself or in the middle of more. Plain texts, as many of them are found in hardly more time than one.
 */
export function secretForms(text: string): string[] {
  const bytes = Buffer.from(text, "utf8");
  const hex = bytes.toString("hex");
  const base64 = [
    bytes.toString("base64").replace(/=+$/, ""),
    ...[0, 1, 2].map((before) => base64After(before, bytes)).filter((piece) => piece.length >= shortestPiece),
  ];
  return [
    ...[text, ...inJson(text), ...inAddresses(text), hex, hex.toUpperCase()],
    ...base64.flatMap((piece) => [piece, piece.replaceAll("+", "-").replaceAll("/", "_")]),
  ];
}

function inJson(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const asGo = json.replace(/[<>&\u2028\u2029]/g, (character) => `\\u${hexOf(character.charCodeAt(0), 4)}`);
  return [json, asGo];
}

/** What is left as it is differs: JavaScript's in a component, Go's in a query, Go's in a path. */
const left = [/[\w.~!'()*-]/, /[\w.~-]/, /[\w.~$&+=:@-]/];

function inAddresses(text: string): string[] {
  return left.flatMap((plain) => {
    const written = [...text].map((character) => (plain.test(character) ? character : percents(character)));
    const upper = written.join("");
    const lower = written.map((each) => (each.length > 2 ? each.toLowerCase() : each)).join("");
    return [upper, lower].flatMap((address) => [address, address.replaceAll("%20", "+")]);
  });
}

function percents(character: string): string {
  return [...Buffer.from(character, "utf8")].map((byte) => `%${hexOf(byte, 2).toUpperCase()}`).join("");
}

function hexOf(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

/** What base64 makes of it after so many other bytes, without the characters that hold bits of what stands beside it. */
function base64After(before: number, bytes: Buffer): string {
  const all = Buffer.concat([Buffer.alloc(before), bytes]);
  return all.toString("base64").slice(Math.ceil((before * 8) / 6), Math.floor((all.length * 8) / 6));
}
