/**
 * Single-quotes a word for a POSIX shell.
 *
 * @example shellQuote("it's") // 'it'\''s'
 */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Words of a command line, each quoted. */
export function shellWords(words: readonly string[]): string {
  return words.map(shellQuote).join(" ");
}
