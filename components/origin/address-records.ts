/** The DNS records of an origin: addresses of its hosts, or a CNAME to its platform. A name has either. */
import { isIPv6 } from "node:net";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { ComposeOriginArgs, ExternalOriginArgs, OriginDnsArgs } from "../app-origin";
import { before } from "../shared/behind";
import { addressNames } from "./address-names";

/** Address records, made once `after` is done. */
export function hostRecords(
  origin: pulumi.ComponentResource,
  name: string,
  args: PlaceArgs & Pick<ComposeOriginArgs, "hostnames" | "publicAddresses">,
  after: readonly pulumi.Resource[],
): pulumi.Resource[] {
  return args.hostnames.flatMap((hostname) => {
    const records: pulumi.Resource[] = [];
    for (const { address, ...named } of addressNames(recordName(name, hostname), args.publicAddresses)) {
      const type = pulumi.output(address).apply((text) => (isIPv6(text) ? "AAAA" : "A"));
      // The first may have been the CNAME, or have had the address of a further one.
      const first = records.slice(0, 1);
      records.push(
        record(origin, args, { ...named, hostname, type, content: address, after: [...after, ...first] }),
      );
    }
    return records;
  });
}

/** A CNAME for each host name, in the place of the one address that there was. */
export function externalRecords(
  origin: pulumi.ComponentResource,
  name: string,
  args: PlaceArgs & Pick<ExternalOriginArgs, "hostnames" | "target">,
  after: readonly pulumi.Resource[],
): pulumi.Resource[] {
  return args.hostnames.map((hostname) =>
    record(origin, args, {
      name: recordName(name, hostname),
      aliases: [],
      hostname,
      type: "CNAME",
      content: args.target,
      after,
    }),
  );
}

type PlaceArgs = Pick<OriginDnsArgs, "behind" | "proxied" | "zoneId">;

interface OriginRecord {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly hostname: string;
  readonly type: pulumi.Input<string>;
  readonly content: pulumi.Input<string>;
  readonly after: readonly pulumi.Resource[];
}

function record(
  origin: pulumi.ComponentResource,
  { behind, proxied = true, zoneId }: PlaceArgs,
  { name, aliases, hostname, type, content, after }: OriginRecord,
): pulumi.Resource {
  return new cloudflare.DnsRecord(
    name,
    { zoneId, name: hostname, type, content, ttl: 1, proxied },
    {
      parent: origin,
      aliases: aliases.map((alias) => ({ name: alias })),
      // A record whose type changes needs the old one gone.
      deleteBeforeReplace: true,
      dependsOn: [...after, ...before(behind, hostname)],
    },
  );
}

function recordName(name: string, hostname: string): string {
  return `${name}-dns-${hostname}`;
}
