/**
 * A text of at most that many characters; one that is longer ends in an ellipsis. Whole characters, not halves of them.
 *
 * @example cutEnd("production", 5) // "prod…"
 */
export function cutEnd(text: string, most: number): string {
  // It has at most as many characters as units: most texts need not be taken apart.
  if (text.length <= most) return text;
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
