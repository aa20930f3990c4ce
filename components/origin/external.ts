import * as cloudflare from "@pulumi/cloudflare";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ExternalOriginArgs } from "../app-origin";
import { resolvePlace } from "../../remote/host";
import { localStep } from "../shared/local-step";
import { variableLines } from "./env-file";
import { hashOf } from "./hash";

/** DNS to the platform, its variables handed over, its health asked. */
export function externalOrigin(
  origin: pulumi.ComponentResource,
  name: string,
  args: ExternalOriginArgs,
): pulumi.Resource | undefined {
  const { environment = {}, secrets = {}, deliver, healthPath, target } = args;
  let last: pulumi.Resource | undefined;
  if (deliver !== undefined) {
    last = new local.Command(
      `${name}-variables`,
      {
        create: deliver.command.map(shellWord).join(" "),
        stdin: pulumi.secret(
          pulumi
            .all({ ...environment, ...secrets })
            .apply((values) => (deliver.format === "json" ? JSON.stringify(values) : variableLines(values))),
        ),
        logging: local.Logging.None,
        addPreviousOutputInEnv: false,
      },
      { parent: origin, additionalSecretOutputs: ["stdin", "stdout", "stderr"] },
    );
  }
  const records =
    (args.manageDns ?? true)
      ? args.hostnames.map(
          (hostname) =>
            new cloudflare.DnsRecord(
              `${name}-dns-${hostname}`,
              {
                zoneId: args.zoneId,
                name: hostname,
                type: "CNAME",
                content: target,
                ttl: 1,
                proxied: args.proxied ?? true,
              },
              { parent: origin },
            ),
        )
      : [];
  if (healthPath === undefined) return last ?? records.at(-1);
  return localStep(
    `${name}-verified`,
    {
      program: "external-health.js",
      input: pulumi
        .all([target, pulumi.secret(pulumi.all({ ...environment, ...secrets }))])
        .apply(([address, values]) => ({
          ...placeOf(address, args.resolve),
          hostname: args.hostnames[0],
          path: healthPath,
          trigger: hashOf([values]),
        })),
    },
    { parent: origin, dependsOn: [...records, ...(last === undefined ? [] : [last])] },
  );
}

/** Where the target is asked; its port only where it is not the usual one. */
function placeOf(target: string, resolve: ExternalOriginArgs["resolve"]): { address: string; port?: number } {
  const { address, port } = resolvePlace(target, 443, resolve);
  return port === 443 ? { address } : { address, port };
}

/** A word for the POSIX shell, in quotes where it needs them. */
function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
