import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { PostgresWithAppUserArgs } from "./args";
import { appLogins, roleNames } from "./names";
import { roleSalt, scramVerifier } from "./scram";

/** A role that logs in, with what it proves itself by. */
export interface Login {
  readonly name: string;
  readonly password: pulumi.Output<string>;
  readonly verifier: pulumi.Output<string>;
  /** Names the password without telling it: `2-1f0c9a3e`, the rotation that made it and a part of a hash. */
  readonly version: pulumi.Output<string>;
}

/** Every login of a database. */
export interface Logins {
  readonly migrator: Login;
  /** Odd generations of the application's password. */
  readonly a: Login;
  /** Even ones; undefined before the first rotation. */
  readonly b: Login | undefined;
  /** The one of the two that the application uses. */
  readonly active: Login;
  readonly readOnly: Login | undefined;
  readonly backup: Login | undefined;
  readonly monitor: Login | undefined;
  readonly replication: Login | undefined;
}

/** Makes the passwords of a database's logins, and the verifiers that the server is given in their place. */
export function makeLogins(parent: pulumi.Resource, name: string, args: PostgresWithAppUserArgs): Logins {
  const { passwordVersion: version = 1 } = args;
  const names = roleNames(args);
  const seed = new random.RandomBytes(`${name}-salt`, { length: 32 }, { parent }).base64;
  const login = (suffix: string, role: string, generation: number): Login => {
    const keepers = { version: String(generation) };
    const password = generatedPassword(parent, `${name}-${suffix}-password`, keepers);
    const verifier = pulumi
      .all([password, seed])
      .apply(([text, salt]) => scramVerifier(text, roleSalt(salt, role, generation)));
    // Eight digits of a hash over 238 random bits tell nothing about them.
    const version = pulumi.unsecret(verifier).apply((text) => `${generation}-${sha256(text).slice(0, 8)}`);
    return { name: role, password, verifier: pulumi.secret(verifier), version };
  };
  const optional = (suffix: string, role: string | undefined) =>
    role === undefined ? undefined : login(suffix, role, version);

  // Odd generations are login a's, even ones b's: a rotation only writes the login that is not in use.
  const generations = {
    a: version % 2 === 1 ? version : version - 1,
    b: version % 2 === 0 ? version : version - 1,
  };
  const [nameOfA, nameOfB] = appLogins(names.app);
  const a = login("app-a", nameOfA, generations.a);
  const b = generations.b === 0 ? undefined : login("app-b", nameOfB, generations.b);
  return {
    a,
    b,
    active: version % 2 === 1 ? a : (b ?? a),
    migrator: login("migrator", names.migrator, version),
    readOnly: optional("read-only", names.readOnly),
    backup: optional("backup", names.backup),
    monitor: optional("monitor", names.monitor),
    replication: optional("replication", names.replication),
  };
}

/** The version of each login's password, by role. */
export function secretVersions(logins: Logins): pulumi.Output<Record<string, string>> {
  const { a, b, migrator, readOnly, backup, monitor, replication } = logins;
  const all = [migrator, a, b, readOnly, backup, monitor, replication].filter((login) => login !== undefined);
  return pulumi.output(Object.fromEntries(all.map(({ name, version }) => [name, version])));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A password that needs no quoting anywhere: in a URL, a shell, a compose file, a dotenv file. */
export function generatedPassword(
  parent: pulumi.Resource,
  name: string,
  keepers?: Readonly<Record<string, string>>,
): pulumi.Output<string> {
  const { result } = new random.RandomPassword(
    name,
    {
      length: 40,
      special: true,
      overrideSpecial: "_-",
      ...(keepers === undefined ? {} : { keepers }),
    },
    { parent },
  );
  return pulumi.secret(result);
}
