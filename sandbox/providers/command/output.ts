import { StringDecoder } from "node:string_decoder";
import { isObject, type Value } from "../values";

export type Stream = "stdout" | "stderr";

/** What a command printed, in the order of arrival. */
export class CapturedOutput {
  private readonly texts = { stdout: "", stderr: "" };
  private readonly pending = { stdout: "", stderr: "" };
  private readonly decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  private both = "";

  /** @param line - told each whole line as it comes */
  constructor(private readonly line: (stream: Stream, line: string) => void) {}

  add(stream: Stream, chunk: Buffer): void {
    const text = this.decoders[stream].write(chunk);
    this.texts[stream] += text;
    this.both += text;
    const lines = (this.pending[stream] + text).split("\n");
    this.pending[stream] = lines.pop() ?? "";
    for (const line of lines) this.line(stream, line);
  }

  /** Tells what is left of a last line without an end. */
  end(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.pending[stream] !== "") this.line(stream, this.pending[stream]);
      this.pending[stream] = "";
    }
  }

  /** Both streams mixed as they came. */
  get mixed(): string {
    return this.both;
  }

  /** As outputs have it: without one newline at the end. */
  get outputs(): { stdout: string; stderr: string } {
    return { stdout: this.texts.stdout.replace(/\n$/, ""), stderr: this.texts.stderr.replace(/\n$/, "") };
  }
}

/** Which streams are shown while the command runs. Nothing given means both. */
export function isLogged(stream: Stream, logging: Value): boolean {
  if (logging === "none") return false;
  return logging === undefined || logging === "stdoutAndStderr" || logging === stream;
}

/**
 * The text of a failed command: what happened, which command, and all that it printed. A command that holds a secret
 * is not shown, where the real provider shows it.
 */
export function failureText(reason: string, command: string, isSecret: boolean, printed: string): string {
  const shown = isSecret ? "[secret]" : JSON.stringify(command);
  return `${reason}: running ${shown}:\n${printed}`;
}

const hidden = "[secret]";
const shortest = 8;
/** Host names, plain words, paths and addresses without a login are no secrets even where they stand among them. */
const harmless = /^(?:(?:[a-z\d-]+\.)+[a-z]{2,}|[a-z]{1,16}|[\d.:]+|\/[^\s]*|https?:\/\/[^\s@?]*)$/;

/**
 * The texts that must not be shown of secret inputs: the values inside a JSON document or `NAME=value` lines, and the
 * whole. Short ones and plain host names are left, or nothing that a command prints could be read.
 */
export function secretTexts(values: readonly Value[]): string[] {
  const found = new Set<string>();
  const collect = (value: Value): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (isObject(value)) Object.values(value).forEach(collect);
    else if (typeof value === "string") collectText(value);
  };
  const collectText = (text: string) => {
    const trimmed = text.trim();
    if (trimmed.length >= shortest && !harmless.test(trimmed)) found.add(trimmed);
    if (trimmed.startsWith("{") || trimmed.startsWith("[")) {
      try {
        collect(JSON.parse(trimmed) as Value);
      } catch {
        // No JSON after all.
      }
    } else if (trimmed.includes("\n")) trimmed.split("\n").forEach(collectText);
    else {
      const setting = /^[A-Za-z_]\w*=(.*)$/.exec(trimmed);
      if (setting?.[1] !== undefined) collectText(setting[1].replace(/^(['"])(.*)\1$/, "$2"));
    }
  };
  values.forEach(collect);
  // Longest first, so that a part does not keep the whole from being found.
  return [...found].sort((one, other) => other.length - one.length);
}

/** The text with each of the secrets replaced. */
export function redacted(text: string, secrets: readonly string[]): string {
  return secrets.reduce((result, secret) => result.replaceAll(secret, hidden), text);
}
