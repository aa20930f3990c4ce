import * as pulumi from "@pulumi/pulumi";
import { resolvePlace } from "../../remote/host";
import { localStep } from "../shared/local-step";
import type { ContainerPostgresArgs, ExternalPostgresArgs, PostgresWithAppUserArgs } from "./args";

/** What the server is told, and, where the same is to be told again, something that changes then. */
interface Told {
  readonly statements: pulumi.Input<string>;
  readonly trigger?: pulumi.Input<string> | undefined;
  /** Backups whose schedule is taken from the container's host. */
  readonly unscheduled?: string | undefined;
}

/** Makes the step that tells the server: on the container's host, or from here where the server is elsewhere. */
export function provisionStep(
  name: string,
  args: PostgresWithAppUserArgs,
  told: Told,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return args.kind === "container" ? onHost(name, args, told, opts) : fromHere(name, args, told, opts);
}

function onHost(
  name: string,
  args: ContainerPostgresArgs,
  { statements, trigger, unscheduled }: Told,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const input = pulumi.all([statements, trigger]).apply(([text, changed]) => ({
    ...(unscheduled === undefined ? {} : { unscheduled }),
    service: args.service ?? "db",
    admin_user: args.adminUser ?? "postgres",
    database: args.database,
    statements: text,
    ...(changed === undefined ? {} : { trigger: changed }),
  }));
  return args.host.step(name, { step: "postgres-roles", project: args.project, input }, opts);
}

function fromHere(
  name: string,
  args: ExternalPostgresArgs,
  { statements, trigger }: Told,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const { adminDatabase = "postgres", port = 5432, tls = "verify-full" } = args;
  const input = pulumi
    .all([args.address, args.adminUser, args.adminPassword, args.certificateAuthority, statements, trigger])
    .apply(([address, adminUser, adminPassword, certificateAuthority, text, changed]) => {
      const place = resolvePlace(address, port, args.resolve);
      return {
        host: place.address,
        port: place.port,
        serverName: address,
        tls,
        ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
        adminUser,
        adminPassword,
        adminDatabase,
        database: args.database,
        statements: text,
        ...(changed === undefined ? {} : { trigger: changed }),
      };
    });
  return localStep(name, { program: "postgres-provision.js", input }, opts);
}
