import { isIPv6 } from "node:net";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { listFrames, type Frames } from "../../remote/framing";
import { redactionList } from "../../remote/host";
import type { RemoteStep } from "../../remote/scripts";
import type { ComposeDeploymentArgs, ComposeOriginArgs, RegistryLogin } from "../app-origin";
import { overrideFile, readComposeFile, readFurtherFiles, type HostFile } from "./compose-files";
import { isPlain } from "../shared/validation";
import { envFile } from "./env-file";
import { hashOf } from "./hash";
import { serviceOverrides, type DeployedArgs } from "./overrides";

/** Creates the steps of a deployment, in their order. */
export function composeDeployment(
  origin: pulumi.ComponentResource,
  name: string,
  args: DeployedArgs,
): { readonly project: string; readonly release: pulumi.Output<string>; readonly last: pulumi.Resource } {
  const { host, databases = [], migrations } = args;
  const project = args.project ?? name;
  const read = readComposeFile(args.composeFile);
  if ("problem" in read) throw new pulumi.ResourceError(`composeFile ${read.problem}`, origin, true);
  const step = (
    suffix: string,
    script: RemoteStep,
    input: pulumi.Input<Frames>,
    after: readonly pulumi.Resource[],
  ) =>
    host.step(
      `${name}-${suffix}`,
      { step: script, project, input },
      { parent: origin, dependsOn: [...after] },
    );

  const prepared: pulumi.Resource[] = [step("prepared", "prepare-host", {}, [])];
  if (args.registries !== undefined && args.registries.length > 0) {
    prepared.push(
      host.step(
        `${name}-registry-login`,
        {
          step: "registry-login",
          project,
          input: registryFrames(args.registries),
          redact: args.registries.map(({ password }) => password),
        },
        { parent: origin, dependsOn: [...prepared] },
      ),
    );
  }
  const certificate =
    args.kind === "compose" ? originCertificate(origin, name, project, args, prepared) : undefined;
  const content = deploymentFiles(args, read.text, Object.keys(read.summary.services), certificate?.pem);
  const files = step(
    "files",
    "write-files",
    content.files.apply((list) => ({
      ...listFrames(
        "files",
        "file",
        list.map((file) => ({ ...file })),
      ),
      check: "compose",
    })),
    prepared,
  );

  const ready: pulumi.Resource[] = [files, ...(args.afterDatabase ?? [])];
  if (databases.length > 0) {
    const healthy = step(
      "database",
      "database-healthy",
      content.databaseHash.apply((trigger) => ({
        services: databases.map(({ service }) => service).join("\n"),
        timeout: args.healthTimeoutSeconds ?? 180,
        trigger,
      })),
      [files],
    );
    ready.push(healthy, ...databases.map((database) => database.provision([healthy])));
  }
  if (migrations !== undefined) {
    const migrated = step("migrations", "migrate", migrationFrames(migrations, content.migrationHash), ready);
    ready.push(
      migrated,
      ...databases.map((database) => database.provisionAgain([migrated], content.migrationHash)),
    );
  }
  const rollout = step(
    "rollout",
    "rollout",
    content.release.apply((trigger) => ({
      pull: args.pull ?? "missing",
      timeout: args.healthTimeoutSeconds ?? 180,
      trigger,
    })),
    [...ready, ...(certificate === undefined ? [] : [certificate.installed])],
  );
  const checks = verificationChecks(args);
  const last =
    checks.length === 0
      ? rollout
      : step(
          "verified",
          "verify",
          content.release.apply((trigger) => ({ ...listFrames("checks", "check", checks), trigger })),
          [rollout],
        );
  if (args.kind === "compose" && (args.manageDns ?? true)) hostRecords(origin, name, args, last);
  return { project, release: content.release, last };
}

/** Proxied address records, made after the first release answered. */
function hostRecords(
  origin: pulumi.ComponentResource,
  name: string,
  args: ComposeOriginArgs,
  after: pulumi.Resource,
): void {
  for (const hostname of args.hostnames) {
    args.publicAddresses.forEach((address, index) => {
      new cloudflare.DnsRecord(
        `${name}-dns-${hostname}${index === 0 ? "" : `-${index + 1}`}`,
        {
          zoneId: args.zoneId,
          name: hostname,
          type: pulumi.output(address).apply((text) => (isIPv6(text) ? "AAAA" : "A")),
          content: address,
          ttl: 1,
          proxied: args.proxied ?? true,
        },
        { parent: origin, dependsOn: [after] },
      );
    });
  }
}

/** Key and request are made on the host, the request is signed by Cloudflare, the certificate is put beside its key. */
function originCertificate(
  origin: pulumi.ComponentResource,
  name: string,
  project: string,
  args: ComposeOriginArgs,
  after: readonly pulumi.Resource[],
): { readonly pem: pulumi.Output<string>; readonly installed: pulumi.Resource } | undefined {
  const { originCertificate: wanted } = args;
  if (wanted === undefined) return undefined;
  // In order: the API gives them back sorted, and another order would be another certificate.
  const hostnames = [...(wanted.hostnames ?? args.hostnames)].sort();
  const request = args.host.step(
    `${name}-certificate-request`,
    {
      step: "origin-csr",
      project,
      input: { hostnames: hostnames.join("\n"), key_mode: wanted.keyMode ?? "0600" },
    },
    { parent: origin, dependsOn: [...after] },
  );
  const signed = new cloudflare.OriginCaCertificate(
    `${name}-certificate`,
    {
      // A signing request is public; only its key is not, and that stays on the host.
      csr: pulumi.unsecret(request.stdout).apply(csrOf),
      hostnames,
      requestType: "origin-ecc",
      requestedValidity: wanted.validityDays ?? 5475,
    },
    { parent: origin },
  );
  const installed = args.host.step(
    `${name}-certificate-installed`,
    {
      step: "origin-certificate",
      project,
      input: signed.certificate.apply((certificate) => ({ certificate })),
    },
    { parent: origin },
  );
  return { pem: signed.certificate, installed };
}

/** The signing request in a step's line of output. */
export function csrOf(line: string): string {
  const { csr } = JSON.parse(line) as { csr: string };
  return csr;
}

interface DeploymentContent {
  readonly files: pulumi.Output<HostFile[]>;
  /** Changes with anything that a release is made of. */
  readonly release: pulumi.Output<string>;
  /** Changes with what the database's container is made of. */
  readonly databaseHash: pulumi.Output<string>;
  /** Changes with what migrations are made of. */
  readonly migrationHash: pulumi.Output<string>;
}

/** What goes to the host: the user's file, ours laid over it, and the variables. All of it secret. */
function deploymentFiles(
  args: DeployedArgs,
  composeText: string,
  known: readonly string[],
  certificate: pulumi.Output<string> | undefined,
): DeploymentContent {
  const further = readFurtherFiles(args.composeFile, args.files ?? []).files;
  const { environment = {}, secrets = {}, composeEnvironment = {}, databases = [] } = args;
  const application = pulumi.secret(pulumi.all({ ...environment, ...secrets }));
  const databaseVariables = pulumi.secret(
    pulumi.all(Object.assign({}, ...databases.map((database) => database.composeEnvironment)) as Variables),
  );
  const token = args.kind === "tunnel" ? pulumi.secret(args.tunnel.token) : undefined;
  const images = pulumi.all(
    Object.fromEntries(Object.entries(args.services).map(([service, { image }]) => [service, image])),
  );
  const ofServices = pulumi.all(
    Object.fromEntries(
      Object.entries(args.services).map(([service, spec]) => [service, pulumi.all(spec.environment ?? {})]),
    ),
  );
  const migratorVariables = pulumi.all(args.migrations?.environment ?? {});
  const everything = pulumi.secret(
    pulumi
      .all([
        pulumi.all([application, databaseVariables, pulumi.all(composeEnvironment), images, ofServices]),
        pulumi.all([
          pulumi.output(token),
          pulumi.output(certificate),
          pulumi.output(args.release),
          migratorVariables,
        ]),
      ])
      .apply(([[app, database, compose, image, own], [tunnelToken, pem, release, migrator]]) => {
        const values = { app, database, compose, own, tunnelToken, migrator };
        const filesOf = (variables: Record<string, string>): HostFile[] => [
          // Read by every later step when it fails: no secret may be in what it prints.
          { path: ".redact", content: redactionList(secretValues(args, values)), mode: "0600" },
          ...further,
          { path: "compose.yaml", content: composeText, mode: "0600" },
          {
            path: "compose.override.json",
            content: overrideFile(
              serviceOverrides(args, known, { app: variables, image, own, tunnelToken, certificate: pem }),
            ),
            mode: "0600",
          },
          { path: ".env", content: envFile({ ...compose, ...app, ...database }), mode: "0600" },
          { path: "release.env", content: envFile(variables), mode: "0600" },
        ];
        // The application is told its release, so that an answer can say which one gave it.
        const releaseId = hashOf([filesOf(app), release]);
        const migrationService = args.migrations?.service;
        return {
          list: filesOf({ RELEASE_ID: releaseId, ...app }),
          release: releaseId,
          database: hashOf([composeText, database]),
          migration: hashOf([
            composeText,
            migrationService === undefined ? undefined : image[migrationService],
            args.migrations?.command,
            migrator,
            release,
          ]),
        };
      }),
  );
  return {
    files: everything.apply(({ list }) => list),
    // Part of a hash over all variables together tells nothing about any one of them.
    release: pulumi.unsecret(everything.apply(({ release }) => release)),
    databaseHash: everything.apply(({ database }) => database),
    migrationHash: everything.apply(({ migration }) => migration),
  };
}

type Variables = Record<string, pulumi.Input<string>>;

/** Values that must not be shown: whatever is secret by its place, or was not written down in the program. */
function secretValues(
  args: DeployedArgs,
  values: {
    readonly app: Readonly<Record<string, string>>;
    readonly database: Readonly<Record<string, string>>;
    readonly compose: Readonly<Record<string, string>>;
    readonly own: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly migrator: Readonly<Record<string, string>>;
    readonly tunnelToken: string | undefined;
  },
): string[] {
  const hidden = (inputs: Variables | undefined, known: Readonly<Record<string, string>> = {}) =>
    Object.entries(known).flatMap(([name, value]) => {
      const input = inputs?.[name];
      return input === undefined || !isPlain(input) ? [value] : [];
    });
  return [
    ...hidden(args.environment, values.app),
    ...Object.entries(args.services).flatMap(([service, spec]) =>
      hidden(spec.environment, values.own[service]),
    ),
    ...hidden(args.migrations?.environment, values.migrator),
    ...Object.values(values.compose),
    ...Object.values(values.database),
    ...(values.tunnelToken === undefined ? [] : [values.tunnelToken]),
  ];
}

function registryFrames(registries: readonly RegistryLogin[]): pulumi.Output<Frames> {
  return pulumi.secret(
    pulumi
      .all(registries.map(({ server, username, password }) => pulumi.all({ server, username, password })))
      .apply((logins) => listFrames("registries", "registry", logins)),
  );
}

function migrationFrames(
  migrations: NonNullable<ComposeDeploymentArgs["migrations"]>,
  hash: pulumi.Output<string>,
): pulumi.Output<Frames> {
  return pulumi
    .all([pulumi.all(migrations.environment ?? {}), hash])
    .apply(([variables, trigger]): Frames => ({
      service: migrations.service,
      timeout: migrations.timeoutSeconds ?? 600,
      trigger,
      ...argumentFrames(migrations.command ?? []),
      ...listFrames(
        "variables",
        "variable",
        Object.entries(variables).map(([name, value]) => ({ name, value })),
      ),
    }));
}

function argumentFrames(command: readonly string[]): Frames {
  return {
    arguments: command.length,
    ...Object.fromEntries(command.map((word, index) => [`argument_${index + 1}`, word])),
  };
}

/** What is asked once the release is up: every published port of the services that have a health path. */
export function verificationChecks(args: DeployedArgs): Frames[] {
  const hostname = args.kind === "compose" ? (args.hostnames[0] ?? "localhost") : "localhost";
  return Object.entries(args.services).flatMap(([service, { port, publish, tls, healthPath }]) => {
    if (healthPath === undefined) return [];
    const check = { service, path: healthPath, hostname };
    return [
      ...(port !== undefined && publish !== undefined ? [{ ...check, port, scheme: "http" }] : []),
      ...(tls?.publish === undefined ? [] : [{ ...check, port: tls.port, scheme: "https" }]),
    ];
  });
}
