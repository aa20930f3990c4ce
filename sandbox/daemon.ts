/** The process behind one sandbox: everything of it that listens. Started by sandbox.ts, ended by SIGTERM. */
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { takeProcessLock } from "../common/process-lock";
import { sampleImage } from "../examples/streampai/image";
import { serveEnvironmentPage } from "./page/server";
import type { BucketObjects } from "./cloudflare/call";
import { startCloudflare } from "./cloudflare/server";
import { startEdge } from "./edge/edge";
import { type Authority, createAuthority } from "./certificates";
import { startExternalDatabase } from "./external/database";
import { startExternalOrigins } from "./external/origins";
import { type SandboxFolder, sandboxFolder } from "./folder";
import { findBackupPrograms } from "./engine/backup-programs";
import { findCaddy } from "./engine/caddy";
import { caddyImage } from "./host/images/caddy";
import { standInImage } from "./host/images/stand-in";
import { type SandboxImage, startHost } from "./host/host";
import { environmentModel } from "./environment-model";
import { writeWhole } from "./kept-files";
import type { SandboxOptions, SandboxRecord } from "./record";
import { isStorageHost } from "./storage/address";
import { startStorage } from "./storage/server";
import { cloudflaredImage } from "./tunnel/image";
import { removeTunnelFolder, startTunnels } from "./tunnel/tunnels";

const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);

/** What ends a sandbox: all of it, this process alone (its services go on), or all of it with what it made. */
type Ending = "stop" | "restart" | "destroy";

const endings: Readonly<Record<string, Ending>> = {
  SIGTERM: "stop",
  SIGINT: "stop",
  SIGHUP: "restart",
  SIGUSR1: "destroy",
};

/** Where nothing was said, continuous integration installs Docker by itself. */
const hostModes = {
  install: { mode: "docker", withDocker: true },
  never: { mode: "process" },
  auto: { mode: "auto" },
} as const;

/** Ports that were free once are asked for again, so that addresses survive a restart. */
interface Ports {
  readonly api?: number;
  readonly http?: number;
  readonly https?: number;
  readonly ssh?: number;
  readonly page?: number;
  readonly storage?: number;
  readonly targets?: SandboxRecord["targets"];
}

async function main(stack: string, fingerprint: string): Promise<void> {
  const folder = sandboxFolder(stack);
  const lock = await takeProcessLock(folder.daemonLockFile, `run the sandbox of ${stack}`);
  const options = JSON.parse(await readFile(folder.optionsFile, "utf8")) as SandboxOptions;
  const apiToken = (await readFile(folder.apiTokenFile, "utf8")).trim();
  const ports = await lastPorts(folder);
  for (const path of [folder.cloudflare, folder.edge, folder.storage])
    await mkdir(path, { recursive: true, mode: 0o700 });

  const running: ((ending: Ending) => Promise<void>)[] = [];
  let closing: Promise<void> | undefined;
  const close = (ending: Ending): Promise<void> => {
    closing ??= (async () => {
      // First: what is ending is not to be found by a command that looks for something that runs.
      await rm(folder.recordFile, { force: true });
      for (const end of running.reverse()) await end(ending).catch((error: unknown) => log(String(error)));
      await lock.release();
    })();
    return closing;
  };
  for (const [signal, ending] of Object.entries(endings)) {
    process.on(signal, () => void close(ending).then(() => process.exit(0)));
  }

  try {
    // What cannot be counted yet is not taken for empty.
    let objects: Partial<BucketObjects> = { count: () => 1 };
    const api = await startCloudflare({
      stateDirectory: folder.cloudflare,
      accountId: options.accountId,
      apiToken,
      pagesDomain: "pages.localhost",
      log,
      port: ports.api,
      objects: {
        count: (bucket) => objects.count?.(bucket) ?? 0,
        sorted: (bucket) => objects.sorted?.(bucket) ?? [],
        delete: (bucket, key) => objects.delete?.(bucket, key),
      },
    });
    running.push(() => api.close());
    for (const zone of options.zones) await api.ensureZone(zone);
    const storage = await startStorage({
      directory: folder.storage,
      account: api.storage,
      port: ports.storage,
      log,
    });
    objects = storage.objects;
    running.push(() => storage.close());

    const tunnels = await startTunnels({
      directory: folder.root,
      find: (id) => api.view.tunnel?.(id),
      connectors: api.connectors,
      onChange: (listener) => api.onChange(listener),
      log,
    });
    running.push(async (ending) => {
      await tunnels.close();
      if (ending === "destroy") await removeTunnelFolder(folder.root);
    });

    // The edge's own: here it stands for the authorities that everybody trusts.
    const authority = await createAuthority(join(folder.edge, "authority"), "Groundwork sandbox edge");
    const standIn = standInImage(await ownCertificate(folder, options.ownCertificates, authority));
    const backups = options.backups ? await findBackupPrograms(log) : undefined;
    const host = await startHost({
      backups,
      directory: folder.host,
      ...hostModes[options.docker ?? "auto"],
      name: `groundwork-${stack}`,
      images: [
        sampleImage(),
        standIn,
        cloudflaredImage(tunnels.socket),
        ...(options.proxy ? [await proxyImage(authority)] : []),
        {
          names: ["postgres", "timescale/timescaledb", "*timescaledb*"],
          kind: "postgres",
          ...(backups?.postgres && { clients: backups.postgres }),
        },
      ],
      log,
      port: ports.ssh,
    });
    running.push((ending) =>
      ending === "destroy" ? host.destroy() : host.close({ services: ending === "stop" }),
    );

    const targets = await startExternalOrigins(options.targets, authority, log, ports.targets);
    running.push(() => targets.close());
    const databases: SandboxRecord["databases"][number][] = [];
    for (const database of options.databases) {
      const directory = join(folder.databases, database.name);
      const started = await startExternalDatabase(database, {
        directory,
        hostDirectory: folder.host,
        authority,
      });
      running.push((ending) => (ending === "destroy" ? started.destroy() : started.close()));
      databases.push(started.place);
    }

    const edge = await startEdge({
      view: api.view,
      directory: folder.edge,
      httpPort: ports.http,
      httpsPort: ports.https,
      resolveOrigin: (address, port) => {
        if (options.targets.some(({ target }) => target === address)) return targets.resolve(address, port);
        const local = host.resolvePort(port);
        return local === undefined ? undefined : { host: "127.0.0.1", port: local };
      },
      hooks: { tunnels: tunnels.step, buckets: storage.publicStep },
      apart: { serves: isStorageHost, answer: storage.serve },
      pinHint: `npx groundwork sandbox status -s ${stack} shows it.`,
      log,
    });
    running.push(() => edge.close());

    const page = await serveEnvironmentPage({
      model: () => environmentModel(folder, stack),
      port: ports.page,
      log,
    });
    running.push(() => page.close());

    const record: SandboxRecord = {
      pid: process.pid,
      startedAt: new Date().toISOString(),
      fingerprint,
      api: { url: api.url },
      edge: { httpPort: edge.httpPort, httpsPort: edge.httpsPort, caFile: edge.authority.certificateFile },
      host: {
        mode: host.mode,
        address: "127.0.0.1",
        ...(host.hasIPv6 ? { address6: "::1" } : {}),
        port: host.port,
        user: host.user,
        hostKey: host.hostKey,
        privateKeyFile: host.privateKeyFile ?? "",
      },
      page: { url: page.url },
      storage: { url: storage.url },
      databases,
      targets: targets.places,
    };
    await rememberPorts(folder, record, page.port);
    await writeWhole(folder.recordFile, JSON.stringify(record, undefined, 2));
    log("ready");
  } catch (error) {
    log(`failed: ${error instanceof Error ? error.message : String(error)}`);
    await close("stop");
    process.exit(1);
  }
}

/** The real Caddy. Certificates that it would ask for on the Internet are signed by the sandbox's authority. */
async function proxyImage(authority: Authority): Promise<SandboxImage> {
  const { certificateFile, keyFile } = authority;
  return caddyImage({ program: await findCaddy(log), authority: { certificateFile, keyFile } });
}

const portsFile = (folder: SandboxFolder): string => `${folder.root}/ports.json`;

async function lastPorts(folder: SandboxFolder): Promise<Ports> {
  try {
    return JSON.parse(await readFile(portsFile(folder), "utf8")) as Ports;
  } catch {
    return {};
  }
}

async function rememberPorts(folder: SandboxFolder, record: SandboxRecord, page: number): Promise<void> {
  const ports: Ports = {
    api: Number(new URL(record.api.url).port),
    http: record.edge.httpPort,
    https: record.edge.httpsPort,
    ssh: record.host.port,
    page,
    storage: Number(new URL(record.storage.url).port),
    targets: record.targets,
  };
  await writeWhole(portsFile(folder), JSON.stringify(ports));
}

/** A certificate for services that have their own in the real world; the same again until names or time change it. */
async function ownCertificate(
  folder: SandboxFolder,
  hostnames: readonly string[],
  authority: Authority,
): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  if (hostnames.length === 0) return undefined;
  const directory = join(folder.root, "own-certificate");
  const files = { cert: join(directory, "tls.pem"), key: join(directory, "tls.key") };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    const known = new X509Certificate(await readFile(files.cert));
    const serves = hostnames.every((name) => known.checkHost(name) !== undefined);
    if (serves && Date.parse(known.validTo) - Date.now() > 30 * 86_400_000) return files;
  } catch {
    // None yet.
  }
  const { certificatePem, keyPem } = await authority.issue({ hostnames, days: 365 });
  await writeWhole(files.key, keyPem);
  await writeWhole(files.cert, certificatePem);
  return files;
}

const [stack, fingerprint] = process.argv.slice(2);
if (stack === undefined || fingerprint === undefined) throw new Error("usage: daemon STACK FINGERPRINT");
main(stack, fingerprint).catch((error: unknown) => {
  log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
