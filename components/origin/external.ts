import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ExternalOriginArgs } from "../app-origin";
import { shellQuote } from "../../common/shell-words";
import { resolvePlace } from "../../remote/host";
import { localStep } from "../shared/local-step";
import { isPlain } from "../shared/validation";
import { externalRecords } from "./address-records";
import { variableLines } from "./env-file";
import type {
  ExternalCertificatesInput,
  ExternalReleaseInput,
  ExternalReleaseOutput,
} from "./external-input";
import { hashOf } from "./hash";
import { checksOf } from "./public-address";
import type { VerifyPublicInput } from "./rollout-input";

/** What an external origin came to. */
export interface ExternalDeployment {
  /** Identity of the release; undefined where nothing is released from here. */
  readonly release: pulumi.Output<string> | undefined;
  /** What the release step printed last. */
  readonly released: pulumi.Output<ExternalReleaseOutput | undefined> | undefined;
  /** The last step; undefined where there is none. */
  readonly last: pulumi.Resource | undefined;
}

/**
 * The application at its platform, in this order, each a resource of its own: its variables handed over, migrations and
 * grants on what they made, the release with the platform's health, DNS, health and certificates. What fails stops what
 * comes after it.
 */
export function externalOrigin(
  origin: pulumi.ComponentResource,
  name: string,
  args: ExternalOriginArgs,
): ExternalDeployment {
  const variables = pulumi.secret(pulumi.all({ ...args.environment, ...args.secrets }));
  const hidden = secretTexts(args);
  const steps: pulumi.Resource[] = [];
  const after = (): pulumi.CustomResourceOptions => ({ parent: origin, dependsOn: [...steps] });

  if (args.deliver !== undefined) {
    const { command, format } = args.deliver;
    steps.push(
      new local.Command(
        `${name}-variables`,
        {
          create: command.map(shellWord).join(" "),
          stdin: variables.apply((values) =>
            format === "json" ? JSON.stringify(values) : variableLines(values),
          ),
          logging: local.Logging.None,
          addPreviousOutputInEnv: false,
        },
        { parent: origin, additionalSecretOutputs: ["stdin", "stdout", "stderr"] },
      ),
    );
  }

  const { migratedDatabases = [], release } = args;
  const releaseId = release === undefined ? undefined : pulumi.unsecret(releaseHash(args, variables));
  const grantAgain = (): void => {
    const trigger = pulumi.output(releaseId).apply((id) => hashOf([id, release?.migrate]));
    const before = [...steps];
    steps.push(...migratedDatabases.map((database) => database.provisionAgain(before, trigger)));
  };
  if (release?.migrate !== undefined) {
    const { migrate } = release;
    steps.push(
      localStep(
        `${name}-migrations`,
        {
          program: "external-command.js",
          input: pulumi
            .all([variables, pulumi.all(release.environment ?? {}), hidden, pulumi.output(releaseId)])
            .apply(([application, own, redact, trigger]) => ({
              what: `${name}: migrations`,
              command: migrate,
              environment: { ...forCommands(application), ...own },
              timeoutSeconds: release.timeoutSeconds ?? 1800,
              redact,
              trigger,
            })),
        },
        after(),
      ),
    );
    grantAgain();
  }
  let released: ExternalDeployment["released"];
  if (release !== undefined) {
    const step = localStep(
      `${name}-released`,
      {
        program: "external-release.js",
        previousOutput: true,
        input: pulumi
          .all([
            pulumi.all([args.target, hidden, pulumi.output(releaseId), pulumi.output(release.image)]),
            pulumi.all([pulumi.all(release.environment ?? {}), variables, args.publicHeaders ?? {}] as const),
          ])
          .apply(([[target, redact, id, image], [own, application, headers]]): ExternalReleaseInput => ({
            origin: name,
            target: placeOf(target, args.resolve),
            targetName: target,
            release: id ?? "",
            image,
            command: release.command,
            rollback: release.rollback,
            ...(release.downgrade === undefined
              ? {}
              : { downgrade: release.downgrade, variables: forCommands(application) }),
            environment: own,
            timeoutSeconds: release.timeoutSeconds ?? 1800,
            healthPath: args.healthPath,
            healthTimeoutSeconds: release.healthTimeoutSeconds ?? 180,
            redact,
            ...(release.probe === undefined
              ? {}
              : {
                  probe: {
                    url: `https://${args.hostnames[0] ?? target}${release.probe.path ?? args.healthPath ?? "/"}`,
                    headers: headers[args.hostnames[0] ?? target],
                    websocket: release.probe.websocketPath,
                    intervalMs: release.probe.intervalMs,
                    abortAfter: release.probe.abortAfter,
                    resolve: args.resolve,
                  },
                }),
          })),
      },
      after(),
    );
    steps.push(step);
    // Its last line holds no secret.
    released = pulumi.unsecret(step.stdout).apply(outputOf);
    if (release.migrate === undefined) grantAgain();
  }

  const records = (args.manageDns ?? true) ? externalRecords(origin, name, args, steps) : [];
  const certificates: pulumi.Resource[] = [];
  if (args.checkCertificate ?? true) {
    certificates.push(
      localStep(
        `${name}-certificates`,
        {
          program: "external-certificates.js",
          input: pulumi.output(args.target).apply((target): ExternalCertificatesInput => ({
            target: placeOf(target, args.resolve),
            targetName: target,
            hostnames: args.hostnames,
            timeoutSeconds: 60,
            hint: args.certificateHint ?? "add the host name to the application at the platform",
          })),
        },
        { parent: origin, dependsOn: [...records, ...steps] },
      ),
    );
  }
  const { healthPath, verify = [] } = args;
  const there = [...records, ...steps, ...certificates];
  const last = certificates.at(-1) ?? steps.at(-1) ?? records.at(-1);
  const verified =
    healthPath === undefined
      ? last
      : localStep(
          `${name}-verified`,
          {
            program: "external-health.js",
            input: pulumi
              .all([args.target, variables, pulumi.output(releaseId)])
              .apply(([target, values, id]) => ({
                ...placeOf(target, args.resolve),
                hostname: args.hostnames[0],
                path: healthPath,
                trigger: hashOf([values, id]),
              })),
          },
          { parent: origin, dependsOn: there },
        );
  if (verify.length === 0) return { release: releaseId, released, last: verified };
  const asked = localStep(
    `${name}-public`,
    {
      program: "verify-public.js",
      input: pulumi
        .all([variables, pulumi.output(releaseId), args.publicHeaders ?? {}] as const)
        .apply(([values, id, headers]): VerifyPublicInput => ({
          checks: checksOf(
            verify,
            (path) => `https://${args.hostnames[0] ?? ""}${path}`,
            headers[args.hostnames[0] ?? ""],
          ),
          resolve: args.resolve,
          trigger: hashOf([values, id]),
        })),
    },
    { parent: origin, dependsOn: verified === undefined ? there : [verified, ...there] },
  );
  return { release: releaseId, released, last: asked };
}

/** Changes with anything that a release is made of. */
function releaseHash(
  args: ExternalOriginArgs,
  variables: pulumi.Output<Record<string, string>>,
): pulumi.Output<string> {
  const { release } = args;
  return pulumi
    .all([variables, pulumi.output(release?.image), pulumi.output(release?.version)])
    .apply(([values, image, version]) => hashOf([values, image, version, release?.command]));
}

/** Values that must not be shown: whatever was not written down in the program. */
function secretTexts(args: ExternalOriginArgs): pulumi.Output<string[]> {
  const { environment = {}, secrets = {}, release } = args;
  const inputs = [
    ...Object.values(environment).filter((value) => !isPlain(value)),
    ...Object.values(secrets),
    ...Object.values(release?.environment ?? {}).filter((value) => !isPlain(value)),
  ];
  return pulumi.secret(pulumi.all(inputs));
}

/** An application's variables for a command that runs here: without those that would change this machine's programs. */
function forCommands(values: Readonly<Record<string, string>>): Record<string, string> {
  const own = /^(PATH|HOME|SHELL|PWD|TMPDIR|LD_.*|DYLD_.*|NODE_OPTIONS|PULUMI_.*)$/;
  return Object.fromEntries(Object.entries(values).filter(([variable]) => !own.test(variable)));
}

function outputOf(stdout: string | undefined): ExternalReleaseOutput | undefined {
  try {
    return JSON.parse((stdout ?? "").trim().split("\n").at(-1) ?? "") as ExternalReleaseOutput;
  } catch {
    return undefined;
  }
}

/** Where the target is asked; its port only where it is not the usual one. */
function placeOf(target: string, resolve: ExternalOriginArgs["resolve"]): { address: string; port?: number } {
  const { address, port } = resolvePlace(target, 443, resolve);
  return port === 443 ? { address } : { address, port };
}

/** A word for the POSIX shell, in quotes where it needs them. */
function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(word) ? word : shellQuote(word);
}
