/**
 * A path as Cloudflare looks at it, whatever the origin is sent: backslashes are slashes, several slashes are one, `.` and
 * `..` are gone, and what need not be percent-encoded is not. Without that, `/open/%2e%2e/closed` would go by what is open.
 */
export function normalizedPath(path: string): string {
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (code, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : code.toUpperCase();
  });
  const kept: string[] = [];
  const segments = decoded
    .replace(/\\/g, "/")
    .replace(/\/{2,}/g, "/")
    .split("/")
    .slice(1);
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === "..") kept.pop();
    if (segment === "." || segment === "..") {
      if (last) kept.push("");
      return;
    }
    kept.push(segment);
  });
  return `/${kept.join("/")}`;
}
