import { XMLBuilder, XMLParser } from "fast-xml-parser";
import { refusals } from "./errors";

/** What an element can hold: text, other elements, the same element several times. */
export type XmlValue =
  string | number | boolean | undefined | readonly XmlValue[] | { readonly [name: string]: XmlValue };

const builder = new XMLBuilder({ ignoreAttributes: false, suppressEmptyNode: false });
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: true,
  // Without it numbered characters stay as they are written, and Go's clients write quotes so.
  htmlEntities: true,
});

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/** One document of S3's namespace; a refusal has none. What is undefined is left out. */
export function xmlDocument(root: string, content: XmlValue): string {
  const inside = typeof content === "object" ? (defined(content) as object) : { "#text": content };
  const whole = root === "Error" ? inside : { "@_xmlns": namespace, ...inside };
  return `<?xml version="1.0" encoding="UTF-8"?>${builder.build({ [root]: whole })}`;
}

function defined(value: XmlValue): unknown {
  if (Array.isArray(value)) return value.map((entry: XmlValue) => defined(entry));
  if (typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([name, entry]) => [name, defined(entry)]),
  );
}

/** An element as it was parsed: every text is a string. */
export type XmlElement = Readonly<Record<string, unknown>>;

/** The content of a document's root. @throws S3Error MalformedXML where it is none, or has another root */
export function parseXml(text: string, root: string): XmlElement {
  // Nothing that S3 takes has one, and entities of one's own are a way to trouble.
  if (text.includes("<!DOCTYPE")) throw refusals.malformedXml();
  let found: unknown;
  try {
    found = (parser.parse(text, true) as Record<string, unknown>)[root];
  } catch {
    throw refusals.malformedXml();
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw refusals.malformedXml();
  return found as XmlElement;
}

/** All elements of a name, in order. */
export function elements(parent: XmlElement, name: string): XmlElement[] {
  const found = parent[name];
  const list = found === undefined ? [] : Array.isArray(found) ? (found as unknown[]) : [found];
  if (!list.every((entry) => typeof entry === "object" && entry !== null)) throw refusals.malformedXml();
  return list as XmlElement[];
}

/** The text of an element, if it is there. */
export function textOf(parent: XmlElement, name: string): string | undefined {
  const found = parent[name];
  return typeof found === "string" ? found : undefined;
}
