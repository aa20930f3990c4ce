import * as pulumi from "@pulumi/pulumi";
import { type Frames, listFrames } from "../../remote/framing";
import type { RemoteHost } from "../../remote/host";
import type { RemoteStep } from "../../remote/scripts";
import { localStep } from "../shared/local-step";
import { hostRecords } from "./address-records";
import { readComposeFile } from "./compose-files";
import {
  composeForMigrations,
  type Deployment,
  dockerInstalled,
  ledgerIn,
  type MakeStep,
  originCertificate,
  registryFrames,
  rolloutInput,
  stepsBeforeRelease,
} from "./deployment";
import { hashOf } from "./hash";
import type { DeployedArgs, SwarmHosts } from "./overrides";
import {
  caddyfileSpec,
  defaultProxyImage,
  proxyPublished,
  proxyTls,
  rollingServices,
  serviceAt,
} from "./proxy";
import { probeInput, publicChecks } from "./public-address";
import { releaseContent } from "./release-content";
import type { RolloutInput } from "./rollout-input";
import { composeDocument, proxyStack, swarmCaddyfile, swarmEdge, swarmNetworks } from "./swarm-files";

/** Arguments of an origin in a swarm. */
export type SwarmArgs = Extract<DeployedArgs, { readonly kind: "compose" }> & { readonly swarm: SwarmHosts };

/** Creates the steps of a deployment to a swarm, in their order. */
export function swarmDeployment(origin: pulumi.ComponentResource, name: string, args: SwarmArgs): Deployment {
  const { registries = [] } = args;
  const { hosts } = args.swarm;
  const project = args.project ?? name;
  const read = readComposeFile(args.composeFile);
  if ("problem" in read) throw new pulumi.ResourceError(`composeFile ${read.problem}`, origin, true);
  const on = (
    host: RemoteHost,
    suffix: string,
    script: RemoteStep,
    input: pulumi.Input<Frames>,
    after: readonly pulumi.Resource[],
    redact: readonly pulumi.Input<string>[] = [],
  ) =>
    host.step(
      `${name}-${suffix}`,
      { step: script, project, input, redact },
      { parent: origin, dependsOn: [...after] },
    );
  const step: MakeStep = (suffix, script, input, after) => on(args.host, suffix, script, input, after);

  const joined = swarmJoined(args, project, read.text, on);
  const prepared: pulumi.Resource[] = [joined];
  if (registries.length > 0) {
    // The manager hands the login to the nodes with each stack; the proxy's image is fetched by each host itself.
    prepared.push(
      ...hosts.map((host, index) =>
        on(
          host,
          numbered("registry-login", index),
          "registry-login",
          registryFrames(registries),
          [joined],
          registries.map(({ password }) => password),
        ),
      ),
    );
  }
  const certificates = hosts.map((host, index) =>
    originCertificate(origin, numbered(name, index), project, args, prepared, host),
  );
  const pems = pulumi.all(certificates.map((certificate) => pulumi.output(certificate?.pem)));
  const installed = certificates.flatMap((certificate) =>
    certificate === undefined ? [] : [certificate.installed],
  );
  const content = releaseContent(origin, name, args, read, undefined);
  const { ready, schema } = stepsBeforeRelease(step, args, content, prepared);
  const proxies =
    args.proxy === undefined ? [] : swarmProxies(args, project, pems, [...prepared, ...installed], on);
  const probe = probeInput(args);
  const rollout = localStep(
    `${name}-rollout`,
    {
      program: "rollout.js",
      input: rolloutInput(name, project, args, content, schema, probe).apply((input) => inSwarm(input, args)),
    },
    { parent: origin, dependsOn: [...ready, ...proxies] },
  );
  const checks = swarmChecks(args);
  const verified =
    checks.length === 0
      ? [rollout]
      : hosts.map((host, index) =>
          on(
            host,
            numbered("verified", index),
            "swarm-verify",
            content.release.apply((trigger) => ({ ...listFrames("checks", "check", checks), trigger })),
            [rollout],
          ),
        );
  const records =
    (args.manageDns ?? true) ? hostRecords(origin, name, args, [verified.at(-1) ?? rollout]) : [];
  const questions = publicChecks(args, content.release);
  const last =
    questions === undefined
      ? (verified.at(-1) ?? rollout)
      : localStep(
          `${name}-public`,
          { program: "verify-public.js", input: questions },
          { parent: origin, dependsOn: [...verified, ...records] },
        );
  const ledger = probe === undefined ? undefined : pulumi.unsecret(rollout.stdout).apply(ledgerIn);
  return { project, release: content.release, images: content.shownImages, ledger, last };
}

type On = (
  host: RemoteHost,
  suffix: string,
  script: RemoteStep,
  input: pulumi.Input<Frames>,
  after: readonly pulumi.Resource[],
) => ReturnType<RemoteHost["step"]>;

/** The first host's resources have no number. */
const numbered = (suffix: string, index: number): string => (index === 0 ? suffix : `${suffix}-${index + 1}`);

/** Every host prepared, the first one's swarm joined by the others, and the networks that reach over all of them. */
function swarmJoined(args: SwarmArgs, project: string, composeText: string, on: On): pulumi.Resource {
  const { hosts, addresses } = args.swarm;
  const prepared = hosts.map((host, index) =>
    on(
      host,
      numbered("prepared", index),
      "prepare-host",
      { ...(index === 0 ? composeForMigrations(args) : {}), ...dockerInstalled(host) },
      [],
    ),
  );
  const made = on(
    args.host,
    "swarm",
    "swarm-init",
    // Its answer holds the token: made anew when there is another host to hand it to.
    pulumi.all([...addresses]).apply((all) => ({ advertise: all[0] ?? "", trigger: hashOf(all) })),
    prepared,
  );
  const answer = made.stdout.apply(lastLine);
  const nodes = [
    answer.apply(({ node }) => node ?? ""),
    ...hosts.slice(1).map((host, index) =>
      on(
        host,
        numbered("joined", index + 1),
        "swarm-join",
        pulumi
          .all([answer, addresses[index + 1] ?? ""])
          .apply(([{ manager = "", token = "" }, advertise]) => ({ manager, token, advertise })),
        [made],
      ).stdout.apply((line) => lastLine(line).node ?? ""),
    ),
  ];
  const networks = [
    ...Object.values(swarmNetworks(composeDocument(composeText), project)),
    { name: swarmEdge(project), internal: false, encrypted: false },
  ].map(({ name, internal, encrypted }) => ({
    name,
    internal: String(internal),
    encrypted: String(encrypted),
  }));
  return on(
    args.host,
    "nodes",
    "swarm-nodes",
    pulumi.all(nodes).apply((ids) => ({
      ...listFrames(
        "nodes",
        "node",
        ids.map((id) => ({ id })),
      ),
      ...listFrames("networks", "network", networks),
    })),
    [],
  );
}

function lastLine(output: string): Partial<Record<"node" | "manager" | "token", string>> {
  return JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as Partial<Record<string, string>>;
}

/** A proxy on each host, each with the host's own certificate. */
function swarmProxies(
  args: SwarmArgs,
  project: string,
  pems: pulumi.Output<(string | undefined)[]>,
  after: readonly pulumi.Resource[],
  on: On,
): pulumi.Resource[] {
  const image = args.proxy?.image ?? defaultProxyImage;
  const pull = args.pull === "never" ? "never" : "missing";
  const configured = args.swarm.hosts.map((host, index) =>
    on(
      host,
      numbered("proxy-config", index),
      "swarm-proxy-config",
      pems.apply((all) => ({
        image,
        pull,
        caddyfile: swarmCaddyfile(
          caddyfileSpec(args, all[index] === undefined ? undefined : hashOf(all[index])),
        ),
      })),
      after,
    ),
  );
  const [http, https] = proxyPublished(args).map(([port]) => port);
  const stack = proxyStack({ project, image, httpPort: http ?? 80, httpsPort: https });
  return [...configured, on(args.host, "proxy", "swarm-proxy", { stack, pull }, configured)];
}

/** The same release, told to the swarm: all services of the origin are its. */
export function inSwarm(input: RolloutInput, args: DeployedArgs): RolloutInput {
  const drains = rollingServices(args).map(({ drain = 0 }) => drain);
  const drain = Math.max(30, ...drains) + 15;
  const replicas = Math.max(1, ...Object.values(args.services).map((service) => service.replicas ?? 1));
  return {
    ...input,
    step: "swarm-rollout",
    frames: {
      ...input.frames,
      services: Object.keys(args.services).sort().join("\n"),
      drain,
      // One task after the other.
      timeout: (args.healthTimeoutSeconds ?? 180) + (replicas - 1) * drain,
    },
  };
}

/** What each host is asked through its own proxy: the health path of every service that a route leads to. */
export function swarmChecks(args: SwarmArgs): Frames[] {
  const { proxy } = args;
  // It would turn away the host itself.
  if (proxy === undefined || proxy.cloudflareOnly === true) return [];
  const scheme = proxyTls(args) === "none" ? "http" : "https";
  const port = scheme === "http" ? (proxy.httpPort ?? 80) : (proxy.httpsPort ?? 443);
  return Object.entries(args.services).flatMap(([service, { healthPath: path }]) => {
    const hostname = args.hostnames.find(
      (each) => path !== undefined && serviceAt(args, each, path) === service,
    );
    return path === undefined || hostname === undefined ? [] : [{ path, port, scheme, hostname }];
  });
}
