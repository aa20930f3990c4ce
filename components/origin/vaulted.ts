import type { VaultReference } from "../secrets-vault";

/** Values that are to be hidden, by where they belong. */
export interface HiddenValues {
  readonly app: Readonly<Record<string, string>>;
  readonly compose: Readonly<Record<string, string>>;
  readonly database: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly tunnelToken: string | undefined;
}

/** Hidden values as one flat object, and the key of each variable of the application and of a service. */
export function vaultedValues({ app, compose, database, own, tunnelToken }: HiddenValues) {
  const values: Record<string, string> = { ...compose, ...app, ...database };
  /** A key of its own, unless the name has that very value already. */
  const keyOf = (wanted: string, value: string): string => {
    let key = wanted.replace(/[^A-Za-z0-9_]/g, "_");
    while (Object.hasOwn(values, key) && values[key] !== value) key += "_";
    values[key] = value;
    return key;
  };
  const keysOf = (variables: Readonly<Record<string, string>>, prefix: string) =>
    Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, reference(keyOf(`${prefix}${name}`, value))]),
    );
  return {
    app: keysOf(app, ""),
    own: Object.fromEntries(
      Object.entries(own).map(([service, variables]) => [
        service,
        keysOf(variables, `GROUNDWORK_${service.toUpperCase()}_`),
      ]),
    ),
    tunnelToken: tunnelToken === undefined ? undefined : reference(keyOf("TUNNEL_TOKEN", tunnelToken)),
    values,
  };
}

/** No value of a variable can hold the character that is around it. */
const reference = (key: string): string => `\0${key}\0`;

/** A file's JSON with `${NAME?…}`, for Compose to fill in, where a value of the vault belongs. */
export function withReferences(json: string): string {
  return json.replace(/\\u0000([A-Za-z0-9_]+)\\u0000/g, "${$1?was not read from the vault of secrets}");
}

/** The file `.vault`, by which the host finds the values: remote/vault-lib.sh reads it. */
export function vaultFile(found: VaultReference): string {
  return (["region", "endpoint", "secret", "version", "credentials", "metadata"] as const)
    .map((word) => `${word} ${found[word]}\n`)
    .join("");
}
