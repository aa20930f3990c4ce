import { isIP, isIPv6 } from "node:net";
import { sshServerProblems } from "../../remote/host";
import type { AppOriginArgs, ExternalOriginArgs } from "../app-origin";
import { isHostname, isPlain, isPort, isUrlPath, isVariableName, Issues } from "../shared/validation";
import { readComposeFile, readFurtherFiles } from "./compose-files";
import { deployedArgs, type DeployedArgs } from "./overrides";
import { proxyTls } from "./proxy";
import { colourIssues, proxyIssues, rollingIssues } from "./rolling-issues";
import { swarmIssues } from "./swarm-issues";

/** Every mistake in an origin's arguments, those of its host and compose file included. */
export function appOriginIssues(name: string, args: AppOriginArgs): Issues {
  const issues = new Issues();
  const { environment = {}, secrets = {} } = args;
  for (const [at, variables] of [
    ["environment", environment],
    ["secrets", secrets],
  ] as const) {
    for (const variable of Object.keys(variables)) {
      if (!isVariableName(variable)) issues.add(`${at}.${variable}`, "is not the name of a variable");
    }
  }
  for (const variable of Object.keys(secrets)) {
    if (variable in environment) issues.add(`secrets.${variable}`, "is in environment as well");
  }
  if (args.kind !== "tunnel") {
    if (args.hostnames.length === 0) issues.add("hostnames", "is empty");
    args.hostnames.forEach((hostname, index) => {
      issues.check(`hostnames[${index}]`, hostname, isHostname, "is not a full host name in lower case");
      if (args.hostnames.indexOf(hostname) !== index)
        issues.add(`hostnames[${index}]`, "is there twice", { value: hostname });
    });
  }
  if (args.kind === "external") {
    issues.check(
      "target",
      args.target,
      isHostname,
      "is not a host name (write it without https:// and path)",
    );
    if (typeof args.target === "string" && args.hostnames.includes(args.target)) {
      issues.add("target", "is one of its own host names", { value: args.target });
    }
    issues.check("healthPath", args.healthPath, isUrlPath, "is not a path");
    if (args.deliver?.command.length === 0) issues.add("deliver.command", "is empty");
    verifyIssues(args, issues);
    externalReleaseIssues(args, issues);
    return issues;
  }
  const deployed = deployedArgs(args);
  if (deployed === undefined) {
    issues.add("hosts", "is empty");
    return issues;
  }
  deploymentIssues(name, deployed, issues);
  if (args.kind === "swarm") swarmIssues(args, issues);
  if (deployed.kind === "compose") hostIssues(deployed, issues);
  return issues;
}

function hostIssues(args: Extract<DeployedArgs, { readonly kind: "compose" }>, issues: Issues): void {
  if (args.publicAddresses.length === 0) issues.add("publicAddresses", "is empty");
  args.publicAddresses.forEach((address, index) => {
    issues.check(
      `publicAddresses[${index}]`,
      address,
      (value) =>
        isIP(value) !== 0 && (!isIPv6(value) || new URL(`http://[${value}]/`).hostname === `[${value}]`),
      "is not an address",
      "IPv4, or IPv6 in its shortest form without brackets",
    );
    if (isPlain(address) && args.publicAddresses.indexOf(address) !== index)
      issues.add(`publicAddresses[${index}]`, "is there twice", { value: address });
  });
  const tlsServices = Object.values(args.services).some(({ tls }) => tls !== undefined);
  const byProxy = args.proxy !== undefined && proxyTls(args) === "origin-certificate";
  if (args.originCertificate !== undefined && !tlsServices && !byProxy) {
    issues.add("originCertificate", "is used by no service", {
      allowed: "a service with tls: { port, publish }, or a proxy",
    });
  }
  if (args.originCertificate !== undefined && args.proxied === false) {
    issues.add("proxied", "must be true with an origin certificate, which only Cloudflare trusts", {
      value: false,
    });
  }
}

function verifyIssues({ verify = [] }: Pick<ExternalOriginArgs, "verify">, issues: Issues): void {
  verify.forEach(({ path }, index) =>
    issues.check(`verify[${index}].path`, path, isUrlPath, "is not a path"),
  );
}

function externalReleaseIssues({ release, healthPath }: ExternalOriginArgs, issues: Issues): void {
  if (release === undefined) return;
  for (const member of ["command", "migrate", "rollback", "downgrade"] as const) {
    if (release[member]?.length === 0) issues.add(`release.${member}`, "is empty");
  }
  for (const variable of Object.keys(release.environment ?? {})) {
    if (!isVariableName(variable))
      issues.add(`release.environment.${variable}`, "is not the name of a variable");
  }
  if (release.probe !== undefined && release.probe.path === undefined && healthPath === undefined) {
    issues.add("release.probe.path", "is needed where there is no healthPath");
  }
}

function deploymentIssues(name: string, args: DeployedArgs, issues: Issues): void {
  const isServiceName = (value: string) => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value);
  issues.check(
    "project",
    args.project ?? name,
    (value) => /^[a-z0-9][a-z0-9_-]*$/.test(value),
    "is not a compose project",
    "lower-case letters, digits, hyphens, underscores",
  );
  for (const [member, problem] of sshServerProblems(args.host.args)) issues.add(`host.${member}`, problem);
  const { jump } = args.host.args;
  if (jump !== undefined) {
    for (const [member, problem] of sshServerProblems(jump)) issues.add(`host.jump.${member}`, problem);
  }

  const read = readComposeFile(args.composeFile);
  if ("problem" in read) issues.add("composeFile", read.problem);
  const known = "problem" in read ? undefined : Object.keys(read.summary.services);
  const needsService = (at: string, service: string) => {
    if (!isServiceName(service)) issues.add(at, "is not a service's name", { value: service });
    else if (known !== undefined && !known.includes(service)) {
      issues.add(at, "is not in the compose file", { value: service, allowed: known.join(", ") });
    }
  };
  const services = Object.entries(args.services);
  if (services.length === 0) issues.add("services", "is empty");
  const published = new Map<number, string>();
  for (const [service, spec] of services) {
    const at = `services.${service}`;
    needsService(at, service);
    for (const [member, port] of [
      ["port", spec.port],
      ["publish", spec.publish],
      ["tls.port", spec.tls?.port],
      ["tls.publish", spec.tls?.publish],
    ] as const) {
      issues.check(`${at}.${member}`, port, isPort, "is not a port", "1 to 65535");
    }
    rollingIssues(at, spec, issues);
    if (spec.publish !== undefined && spec.port === undefined)
      issues.add(`${at}.port`, "is needed with publish");
    for (const port of [spec.publish, spec.tls?.publish]) {
      if (port === undefined) continue;
      const other = published.get(port);
      if (other !== undefined) issues.add(at, `publishes the same port as ${other}`, { value: port });
      published.set(port, at);
    }
    issues.check(`${at}.healthPath`, spec.healthPath, isUrlPath, "is not a path");
    const whole = (least: number) => (value: number) => Number.isInteger(value) && value >= least;
    issues.check(`${at}.drainSeconds`, spec.drainSeconds, whole(0), "is not a number of seconds");
    issues.check(`${at}.replicas`, spec.replicas, whole(1), "is not a whole number from 1");
    if ((spec.replicas ?? 1) > 1 && (spec.publish !== undefined || spec.tls?.publish !== undefined)) {
      issues.add(`${at}.replicas`, "must be 1 for a service that publishes a port", { value: spec.replicas });
    }
    for (const variable of Object.keys(spec.environment ?? {})) {
      if (!isVariableName(variable))
        issues.add(`${at}.environment.${variable}`, "is not the name of a variable");
    }
  }
  for (const database of args.databases ?? []) needsService("databases", database.service);
  if (args.migrations !== undefined) {
    needsService("migrations.service", args.migrations.service);
    for (const variable of Object.keys(args.migrations.environment ?? {})) {
      if (!isVariableName(variable) || /^(PATH|HOME|DOCKER_.*|COMPOSE_.*)$/.test(variable)) {
        issues.add(`migrations.environment.${variable}`, "cannot be given to migrations");
      }
    }
  }
  proxyIssues(args, issues);
  if (!("problem" in read)) colourIssues(args, read.summary, issues);
  const { keepReleases } = args;
  issues.check(
    "keepReleases",
    keepReleases,
    (value) => Number.isInteger(value) && value >= 2,
    "is not a whole number from 2, as one is for going back",
  );
  args.closedPorts?.forEach((port, index) =>
    issues.check(`closedPorts[${index}]`, port, isPort, "is not a port", "1 to 65535"),
  );
  verifyIssues(args, issues);
  if (args.probe !== undefined && args.probe !== false) {
    issues.check("probe.path", args.probe.path, isUrlPath, "is not a path");
    issues.check("probe.websocketPath", args.probe.websocketPath, isUrlPath, "is not a path");
  }
  for (const [path, problem, allowed] of readFurtherFiles(args.composeFile, args.files ?? []).problems) {
    issues.add("files", problem, { value: path, ...(allowed === undefined ? {} : { allowed }) });
  }
}
