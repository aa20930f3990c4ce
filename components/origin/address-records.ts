/** The DNS records of an origin: addresses of its hosts, or a CNAME to its platform. A name has either. */
import { isIPv6 } from "node:net";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { ComposeOriginArgs, ExternalOriginArgs } from "../app-origin";
import { before } from "../shared/behind";
import { addressNames } from "./address-names";

/** Address records, made once `after` is done. */
export function hostRecords(
  origin: pulumi.ComponentResource,
  name: string,
  args: Pick<ComposeOriginArgs, "behind" | "hostnames" | "proxied" | "publicAddresses" | "zoneId">,
  after: readonly pulumi.Resource[],
): pulumi.Resource[] {
  return args.hostnames.flatMap((hostname) => {
    const records: cloudflare.DnsRecord[] = [];
    for (const { address, name: own, aliases } of addressNames(
      recordName(name, hostname),
      args.publicAddresses,
    )) {
      records.push(
        new cloudflare.DnsRecord(
          own,
          {
            zoneId: args.zoneId,
            name: hostname,
            type: pulumi.output(address).apply((text) => (isIPv6(text) ? "AAAA" : "A")),
            content: address,
            ttl: 1,
            proxied: args.proxied ?? true,
          },
          {
            parent: origin,
            aliases: aliases.map((alias) => ({ name: alias })),
            // A record whose type changes needs the old one gone.
            deleteBeforeReplace: true,
            // The first may have been the CNAME, or have had the address of a further one.
            dependsOn: [...after, ...records.slice(0, 1), ...before(args.behind, hostname)],
          },
        ),
      );
    }
    return records;
  });
}

/** A CNAME for each host name, in the place of the one address that there was. */
export function externalRecords(
  origin: pulumi.ComponentResource,
  name: string,
  args: Pick<ExternalOriginArgs, "behind" | "hostnames" | "proxied" | "target" | "zoneId">,
  after: readonly pulumi.Resource[],
): pulumi.Resource[] {
  return args.hostnames.map(
    (hostname) =>
      new cloudflare.DnsRecord(
        recordName(name, hostname),
        {
          zoneId: args.zoneId,
          name: hostname,
          type: "CNAME",
          content: args.target,
          ttl: 1,
          proxied: args.proxied ?? true,
        },
        {
          parent: origin,
          deleteBeforeReplace: true,
          dependsOn: [...after, ...before(args.behind, hostname)],
        },
      ),
  );
}

function recordName(name: string, hostname: string): string {
  return `${name}-dns-${hostname}`;
}
