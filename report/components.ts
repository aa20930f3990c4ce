const words: Readonly<Record<string, string | undefined>> = {
  AppOrigin: "Origin",
  PagesSite: "Site",
  PostgresWithAppUser: "Database",
  R2Buckets: "Buckets",
  ZoneBaseline: "Zone",
  Tunnel: "Tunnel",
  AccessProtectedEnv: "Login",
  AccessCheck: "Check of the login",
  ScopedToken: "API token",
  DatabaseBackups: "Backups of",
  DevServices: "Services for development",
};

/** `groundwork:index:AppOrigin` -> `AppOrigin`. */
export function componentTypeOf(type: string): string {
  return type.slice(type.lastIndexOf(":") + 1);
}

/** What users call a component: `Origin api`. */
export function componentTitle(type: string, name: string): string {
  if (type === "") return "The environment itself";
  const noun = words[type] ?? spaced(type);
  return noun.toLowerCase() === name.toLowerCase() ? noun : `${noun} ${name}`;
}

/** `DatabaseBackups` -> `Database backups`. */
export function spaced(type: string): string {
  const apart = type
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(" ");
  return apart
    .map((word, index) => (index > 0 && /^[A-Z][a-z]/.test(word) ? word.toLowerCase() : word))
    .join(" ");
}
