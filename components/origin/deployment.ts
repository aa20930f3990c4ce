import * as cloudflare from "@pulumi/cloudflare";
import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { HostAccess } from "../../remote/access";
import { listFrames, type Frames } from "../../remote/framing";
import { redactionList, type RemoteHost } from "../../remote/host";
import type { RemoteStep } from "../../remote/scripts";
import { expectRelease } from "../../remote/shared-connections";
import type { ComposeDeploymentArgs, ComposeOriginArgs, RegistryLogin } from "../app-origin";
import type { OriginDatabase } from "../database/args";
import { localStep } from "../shared/local-step";
import { hostRecords } from "./address-records";
import { caddyfile, type CaddyfileSpec, routedServices, routesText } from "./caddyfile";
import { readComposeFile } from "./compose-files";
import { hashOf } from "./hash";
import { type Ledger, readLedger } from "./ledger";
import type { DeployedArgs } from "./overrides";
import { caddyfileSpec, proxyComposeFile, proxyPublished, rollingServices } from "./proxy";
import { probeInput, publicChecks } from "./public-address";
import { releaseContent, type ReleaseContent } from "./release-content";
import { type ProbeInput, rolloutFrames, type RolloutInput } from "./rollout-input";

/** What a deployment gives to its origin. */
export interface Deployment {
  readonly project: string;
  readonly release: pulumi.Output<string>;
  readonly images: ReleaseContent["shownImages"];
  /** What the last rollout lost; undefined where nothing was asked meanwhile. */
  readonly ledger: pulumi.Output<Ledger | undefined> | undefined;
  readonly last: pulumi.Resource;
}

/** Makes one step on the host that a deployment's files lie on. */
export type MakeStep = (
  suffix: string,
  script: RemoteStep,
  input: pulumi.Input<Frames>,
  after: readonly pulumi.Resource[],
) => remote.Command;

/** What comes before every release, on one host and in a swarm alike: files, databases with their roles, migrations. */
export function stepsBeforeRelease(
  step: MakeStep,
  args: DeployedArgs,
  content: ReleaseContent,
  prepared: readonly pulumi.Resource[],
): { readonly ready: readonly pulumi.Resource[]; readonly schema: pulumi.Output<string | undefined> } {
  const { databases = [], migratedDatabases = [], migrations } = args;
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
  let schema: pulumi.Output<string | undefined> = pulumi.output(undefined);
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
    const migrated = step(
      "migrations",
      "migrate",
      migrationFrames(args, migrations, content, databases),
      ready,
    );
    schema = migrated.stdout.apply(schemaOf);
    void migrated.stdout.apply((line) => warnOfUnlocked(line, migrations.service, migrated));
    ready.push(
      migrated,
      ...[...databases, ...migratedDatabases].map((database) =>
        database.provisionAgain([migrated], content.migrationHash),
      ),
    );
  }
  return { ready, schema };
}

/** Creates the steps of a deployment, in their order. */
export function composeDeployment(
  origin: pulumi.ComponentResource,
  name: string,
  args: DeployedArgs,
): Deployment {
  const { host } = args;
  const project = args.project ?? name;
  const read = readComposeFile(args.composeFile);
  if ("problem" in read) throw new pulumi.ResourceError(`composeFile ${read.problem}`, origin, true);
  const step: MakeStep = (suffix, script, input, after) =>
    host.step(
      `${name}-${suffix}`,
      { step: script, project, input },
      { parent: origin, dependsOn: [...after] },
    );

  const prepared: pulumi.Resource[] = [step("prepared", "prepare-host", hostFrames(args), [])];
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
  const content = releaseContent(origin, name, args, read, certificate?.pem);
  if (!pulumi.runtime.isDryRun()) announce(content.release, host.access());
  const { ready, schema } = stepsBeforeRelease(step, args, content, prepared);
  // Routes and certificates are a step of their own: nothing of a release touches the proxy.
  const installed = certificate === undefined ? [] : [certificate.installed];
  const proxy =
    args.proxy === undefined
      ? []
      : [step("proxy", "proxy", proxyFrames(project, args, certificate?.pem), [...prepared, ...installed])];
  const probe = probeInput(args);
  const rollout = localStep(
    `${name}-rollout`,
    { program: "rollout.js", input: rolloutInput(name, project, args, content, schema, probe) },
    { parent: origin, dependsOn: [...ready, ...installed, ...proxy] },
  );
  const checks = verificationChecks(args);
  const verified =
    checks.length === 0
      ? rollout
      : step(
          "verified",
          "verify",
          content.release.apply((trigger) => ({ ...listFrames("checks", "check", checks), trigger })),
          [rollout],
        );
  const records =
    args.kind === "compose" && (args.manageDns ?? true) ? hostRecords(origin, name, args, [verified]) : [];
  const questions = publicChecks(args, content.release);
  const last =
    questions === undefined
      ? verified
      : localStep(
          `${name}-public`,
          { program: "verify-public.js", input: questions },
          { parent: origin, dependsOn: [verified, ...records] },
        );
  const ledger = probe === undefined ? undefined : pulumi.unsecret(rollout.stdout).apply(ledgerIn);
  return { project, release: content.release, images: content.shownImages, ledger, last };
}

/** Lets the run log in to the host while the engine is on its way to the release. */
function announce(release: pulumi.Output<string>, access: pulumi.Output<HostAccess>): void {
  const stack = pulumi.getStack();
  pulumi.all([release, access]).apply(([id, known]) => expectRelease(stack, id, known));
}

/** The Compose that migrations need of the host: `run --pull` came between 2.32 and 2.33 (docker/compose#12397). */
export function composeForMigrations({ migrations }: Pick<DeployedArgs, "migrations">): Frames {
  return migrations === undefined ? {} : { compose_minimum: "2.33" };
}

/** Whether a host that lacks Docker or Compose may have them installed. */
export function dockerInstalled({ args }: RemoteHost): Frames {
  return args.installDocker === true ? { install_docker: 1 } : {};
}

/** What the host must have beyond what every one must: Compose reads `!override` and `!reset`, which two colours need, from 2.24 on. */
function hostFrames(args: DeployedArgs): Frames {
  return {
    ...(rollingServices(args).length === 0 ? {} : { compose_minimum: "2.24" }),
    ...composeForMigrations(args),
    ...dockerInstalled(args.host),
  };
}

/** A release as its program takes it. */
export function rolloutInput(
  name: string,
  project: string,
  args: DeployedArgs,
  content: ReleaseContent,
  schema: pulumi.Output<string | undefined>,
  probe: pulumi.Output<ProbeInput> | undefined,
): pulumi.Output<RolloutInput> {
  return pulumi
    .all([
      pulumi.all([content.release, content.images, content.record, schema] as const),
      args.host.access(),
      pulumi.output(probe),
    ])
    .apply(([[release, images, record, version], host, asked]): RolloutInput => ({
      origin: name,
      stack: pulumi.getStack(),
      project,
      host,
      frames: rolloutFrames({
        release,
        images,
        // Digests that the registry has told need not be asked for again.
        pull: args.pull === "always" ? "missing" : (args.pull ?? "missing"),
        timeout: args.healthTimeoutSeconds ?? 180,
        keep: args.keepReleases ?? 5,
        rolling: rollingServices(args),
        record: version === undefined ? record : { ...record, schema: version },
      }),
      ...(asked === undefined ? {} : { probe: asked }),
    }));
}

/** The proxy's configuration for the step `proxy`, and what it keeps for the next change of routes. */
export function caddyfileFrames(spec: CaddyfileSpec): Frames {
  return {
    caddyfile: caddyfile(spec),
    routes: routesText(spec),
    routed: routedServices(spec).join("\n"),
  };
}

function proxyFrames(
  project: string,
  args: DeployedArgs,
  certificate: pulumi.Output<string> | undefined,
): pulumi.Output<Frames> {
  return pulumi.output(certificate).apply((pem): Frames => ({
    ...caddyfileFrames(caddyfileSpec(args, pem === undefined ? undefined : hashOf(pem))),
    compose: proxyComposeFile(project, args),
    ports: proxyPublished(args)
      .map(([port]) => port)
      .join(" "),
  }));
}

/** The schema's version in the output of migrations. */
function schemaOf(line: string): string | undefined {
  const { schema } = JSON.parse(line) as { schema?: unknown };
  return typeof schema === "string" && schema !== "" ? schema : undefined;
}

/** The ledger in a rollout's last line of output. */
export function ledgerIn(output: string): Ledger | undefined {
  const last = output.trim().split("\n").at(-1) ?? "";
  return last.startsWith("{") ? readLedger((JSON.parse(last) as { ledger?: unknown }).ledger) : undefined;
}

/** Key and request are made on the host, the request is signed by Cloudflare, the certificate is put beside its key. */
export function originCertificate(
  origin: pulumi.ComponentResource,
  name: string,
  project: string,
  args: ComposeOriginArgs,
  after: readonly pulumi.Resource[],
  host = args.host,
): { readonly pem: pulumi.Output<string>; readonly installed: pulumi.Resource } | undefined {
  const { originCertificate: wanted } = args;
  if (wanted === undefined) return undefined;
  // In order: the API gives them back sorted, and another order would be another certificate.
  const hostnames = [...(wanted.hostnames ?? args.hostnames)].sort();
  const request = host.step(
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
  const installed = host.step(
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

export function registryFrames(registries: readonly RegistryLogin[]): pulumi.Output<Frames> {
  return pulumi.secret(
    pulumi
      .all(registries.map(({ server, username, password }) => pulumi.all({ server, username, password })))
      .apply((logins) => listFrames("registries", "registry", logins)),
  );
}

/** Says it where nobody held the lock of a database during its migrations: the image has no psql. */
async function warnOfUnlocked(line: string, service: string, step: pulumi.Resource): Promise<void> {
  const { unlocked } = JSON.parse(line) as { unlocked?: unknown };
  if (typeof unlocked !== "string") return;
  await pulumi.log.warn(
    `the image of ${service} has no psql, so nobody held the lock of migrations in ${unlocked}: ` +
      "migrations.lockImage names one that has, such as postgres:17-alpine",
    step,
  );
}

function migrationFrames(
  { vault }: DeployedArgs,
  migrations: NonNullable<ComposeDeploymentArgs["migrations"]>,
  { migrationHash, images }: ReleaseContent,
  databases: readonly OriginDatabase[],
): pulumi.Output<Frames> {
  const { service } = migrations;
  return pulumi
    .all([
      pulumi.all(migrations.environment ?? {}),
      migrationHash,
      images,
      pulumi.all(databases.map(({ databaseName }) => databaseName)),
      pulumi.all([...(migrations.lockUrls ?? [])]),
    ])
    .apply(([variables, trigger, references, names, urls]): Frames => ({
      service,
      // Without a vault they are in the project's list of what is not shown.
      ...(vault === undefined ? {} : { redact: redactionList(Object.values(variables)) }),
      timeout: migrations.timeoutSeconds ?? 600,
      // Not the release's own name, which changes with every variable: migrations run again only for what they are made of.
      release: trigger,
      ...listFrames(
        "images",
        "image",
        references[service] === undefined ? [] : [{ service, reference: references[service] }],
      ),
      ...argumentFrames(migrations.command ?? []),
      ...argumentFrames(migrations.versionCommand ?? [], "version_"),
      ...listFrames(
        "variables",
        "variable",
        Object.entries(variables).map(([name, value]) => ({ name, value })),
      ),
      ...(databases.length + urls.length === 0 ? {} : lockFrames(databases, names, urls)),
      ...(urls.length === 0 || migrations.lockImage === undefined
        ? {}
        : { lock_image: migrations.lockImage }),
    }));
}

/** Databases whose lock the migrations hold: in the project's containers, and elsewhere by their URLs. */
export function lockFrames(
  databases: readonly Pick<OriginDatabase, "service" | "adminUser">[],
  names: readonly string[],
  urls: readonly string[],
): Frames {
  const own = databases.map(({ service, adminUser: user }, index): Frames => ({
    service,
    user,
    database: names[index] ?? "",
  }));
  const elsewhere = urls.map((text): Frames => {
    const url = new URL(text);
    const part = (name: "username" | "password" | "pathname") => decodeURIComponent(url[name]);
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? 5432 : Number(url.port),
      user: part("username"),
      password: part("password"),
      database: part("pathname").slice(1),
      sslmode: url.searchParams.get("sslmode") ?? "verify-full",
    };
  });
  return listFrames("locks", "lock", [...own, ...elsewhere]);
}

function argumentFrames(command: readonly string[], prefix = ""): Frames {
  if (prefix !== "" && command.length === 0) return {};
  return {
    [`${prefix}arguments`]: command.length,
    ...Object.fromEntries(command.map((word, index) => [`${prefix}argument_${index + 1}`, word])),
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
