import * as pulumi from "@pulumi/pulumi";
import type { DeployedArgs } from "./overrides";
import { proxyTls, rollingServices, serviceAt } from "./proxy";
import type { OriginCheck } from "../app-origin";
import type { ProbeInput, PublicCheck, VerifyPublicInput } from "./rollout-input";

/** Where visitors reach a path of a host name. */
export function publicUrl(args: DeployedArgs, hostname: string, path: string): string {
  if (args.kind === "tunnel") return `https://${hostname}${path}`;
  const { httpPort = 80, httpsPort = 443 } = args.proxy ?? {};
  const proxied = args.proxied ?? true;
  const plain = !proxied && args.proxy !== undefined && proxyTls(args) === "none";
  const port = plain ? (httpPort === 80 ? "" : `:${httpPort}`) : httpsPort === 443 ? "" : `:${httpsPort}`;
  return `${plain ? "http" : "https"}://${hostname}${port}${path}`;
}

/** What is asked while a release replaces another; undefined where nothing is. */
export function probeInput(args: DeployedArgs): pulumi.Output<ProbeInput> | undefined {
  const { probe = {} } = args;
  if (probe === false) return undefined;
  const place = probePlace(args);
  if (place === undefined) return undefined;
  return pulumi.all([place.hostname, args.publicHeaders ?? {}] as const).apply(([hostname, headers]) => ({
    url: publicUrl(args, hostname, place.path),
    headers: headers[hostname],
    websocket: probe.websocketPath,
    resolve: args.host.args.resolve,
    intervalMs: probe.intervalMs,
    abortAfter: probe.abortAfter,
  }));
}

/** The path that is asked: as written, else the health path of a rolling service that answers it. */
function probePlace(
  args: DeployedArgs,
): { readonly hostname: pulumi.Input<string>; readonly path: string } | undefined {
  const written = args.probe === false ? undefined : args.probe?.path;
  const rolling = rollingServices(args);
  if (rolling.length === 0) return undefined;
  if (args.kind === "tunnel") {
    const path = written ?? (rolling.length === 1 ? rolling[0]?.path : undefined);
    return path === undefined ? undefined : { hostname: firstOf(args.tunnel.hostnames), path };
  }
  const [first] = args.hostnames;
  if (first !== undefined && written !== undefined) return { hostname: first, path: written };
  for (const hostname of args.hostnames) {
    for (const { service, path } of rolling) {
      if (path !== undefined && serviceAt(args, hostname, path) === service) return { hostname, path };
    }
  }
  return undefined;
}

function firstOf(hostnames: pulumi.Input<readonly string[]>): pulumi.Output<string> {
  return pulumi.output(hostnames).apply(([hostname = ""]) => hostname);
}

/** What is asked through the public name once a release is there; undefined where nothing is. */
export function publicChecks(
  args: DeployedArgs,
  trigger: pulumi.Input<string>,
): pulumi.Output<VerifyPublicInput> | undefined {
  const { verify = [], closedPorts = [] } = args;
  if (verify.length === 0 && closedPorts.length === 0) return undefined;
  const hostname =
    args.kind === "compose" ? (args.hostnames[0] ?? "localhost") : firstOf(args.tunnel.hostnames);
  const addresses = args.kind === "compose" ? args.publicAddresses : [args.host.args.address];
  return pulumi
    .all([hostname, pulumi.all([...addresses]), trigger, args.publicHeaders ?? {}] as const)
    .apply(([name, machine, release, headers]): VerifyPublicInput => ({
      checks: checksOf(verify, (path) => publicUrl(args, name, path), headers[name]),
      closed: closedPorts.length === 0 ? undefined : { addresses: machine, ports: closedPorts },
      resolve: args.host.args.resolve,
      trigger: release,
    }));
}

/** Checks as the program that asks takes them. */
export function checksOf(
  verify: readonly OriginCheck[],
  urlOf: (path: string) => string,
  headers?: PublicCheck["headers"],
): PublicCheck[] {
  return verify.map(({ path, status = 200, contains, http2 }) => ({
    url: urlOf(path),
    status,
    contains,
    http2,
    headers,
  }));
}
