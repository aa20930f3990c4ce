/** A question of a DNS message: one name, one type. */
export interface DnsQuestion {
  /** In lower case, without the last dot. */
  readonly name: string;
  /** 1 = A, 28 = AAAA, … */
  readonly type: number;
}

/** Response codes (RFC 1035, 4.1.1). */
export const dnsCodes = { ok: 0, noSuchName: 3, notImplemented: 4 } as const;

const headerSize = 12;
const typeA = 1;
const classIn = 1;
/** Points to the question's name: the first thing behind the header. */
const nameOfQuestion = 0xc000 + headerSize;

/** The one question of a query. Undefined for what is no query or asks for more than one thing. */
export function readQuestion(message: Buffer): DnsQuestion | undefined {
  if (message.length < headerSize || message.readUInt16BE(2) & 0x8000 || message.readUInt16BE(4) !== 1)
    return undefined;
  const labels: string[] = [];
  let at = headerSize;
  for (;;) {
    const length = message[at];
    // A compressed name is no part of a question.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length) return undefined;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at) };
}

/**
 * The answer to a query that {@link readQuestion} has read: the addresses where it asks for A, else none. Nothing is
 * kept by whoever asks (TTL 0): a name may lead elsewhere a second later.
 *
 * @param addresses IPv4; undefined = there is no such name
 */
export function writeAnswer(query: Buffer, addresses: readonly string[] | undefined): Buffer {
  const question = readQuestion(query);
  if (question === undefined) return header(query, dnsCodes.notImplemented, 0, 0);
  const end = questionEnd(question);
  const answers = question.type === typeA ? (addresses ?? []) : [];
  const records = answers.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(nameOfQuestion, 0);
    record.writeUInt16BE(typeA, 2);
    record.writeUInt16BE(classIn, 4);
    record.writeUInt16BE(4, 10);
    for (const [index, part] of address.split(".").entries()) record.writeUInt8(Number(part), 12 + index);
    return record;
  });
  const code = addresses === undefined ? dnsCodes.noSuchName : dnsCodes.ok;
  return Buffer.concat([header(query, code, 1, records.length), query.subarray(headerSize, end), ...records]);
}

function questionEnd({ name }: DnsQuestion): number {
  return headerSize + (name === "" ? 1 : name.length + 2) + 4;
}

function header(query: Buffer, code: number, questions: number, answers: number): Buffer {
  const result = Buffer.alloc(headerSize);
  query.copy(result, 0, 0, 2);
  const recursionDesired = (query[2] ?? 0) & 0x01;
  result.writeUInt8(0x84 | recursionDesired, 2); // an answer, authoritative
  result.writeUInt8(0x80 | code, 3);
  result.writeUInt16BE(questions, 4);
  result.writeUInt16BE(answers, 6);
  return result;
}
