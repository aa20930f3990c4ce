/** The API tokens that are consumers' S3 keys: one for each version of them, the first without a number. */

/** Versions of the keys that are there at once: those of before stay until the next raise. */
export function liveVersions({
  credentialsVersion: version = 1,
  revokePreviousCredentials = false,
}: {
  readonly credentialsVersion?: number | undefined;
  readonly revokePreviousCredentials?: boolean | undefined;
}): readonly number[] {
  return version > 1 && !revokePreviousCredentials ? [version, version - 1] : [version];
}

/** What a consumer's token of a version is called by, in the state. */
export function tokenKey(consumer: string, version: number): string {
  return version === 1 ? consumer : `${consumer}-v${version}`;
}

/** Two consumers with a token of one name: `api` in version 2, and `api-v2` in version 1. */
export function sameTokens(
  consumers: readonly string[],
  versions: readonly number[],
): { readonly consumer: string; readonly other: string; readonly key: string }[] {
  const owners = new Map<string, string>();
  return [...new Set(consumers)].sort().flatMap((consumer) =>
    versions.flatMap((version) => {
      const key = tokenKey(consumer, version);
      const other = owners.get(key);
      if (other === undefined) owners.set(key, consumer);
      return other === undefined ? [] : [{ consumer, other, key }];
    }),
  );
}
