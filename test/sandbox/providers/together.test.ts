import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import proto from "@pulumi/pulumi/proto/provider_pb";
import plugin from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { identify, sleep } from "../../../common/processes";
import { installProviders } from "../../../sandbox/providers/install";
import { type ProvidersTogether, startTogether } from "../../../sandbox/providers/together";

/** A place for an engine, with providers of the sandbox's own in its home. */
const folder = mkdtempSync(join(tmpdir(), "groundwork-together-"));
const environment = { ...process.env, PULUMI_HOME: join(folder, "home"), PATH: "/usr/bin:/bin" };
const errors: string[] = [];
const started: ProvidersTogether[] = [];
const clients: ResourceProviderClient[] = [];
const servers: (Server | HttpServer)[] = [];

beforeAll(() => installProviders({ pulumiHome: environment.PULUMI_HOME, policy: "always", path: "" }));

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const providers of started.splice(0)) providers.end();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  expect(errors).toEqual([]);
});

async function together(more: Readonly<Record<string, string>> = {}): Promise<ProvidersTogether> {
  const providers = await startTogether({
    environment: { ...environment, ...more },
    directory: folder,
    onError: (text) => void errors.push(text),
  });
  if (providers === undefined) throw new Error("no provider was started");
  started.push(providers);
  return providers;
}

/** Something that listens where an engine would. */
async function engine(): Promise<{ readonly address: string; readonly end: () => void }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: addressOf(server), end: () => void server.close() };
}

function addressOf(server: Server | HttpServer): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A connection of its own, as the engine has one for each provider resource. */
function connected({ variables }: ProvidersTogether, name: string): ResourceProviderClient {
  const ports = new Map(
    variables.PULUMI_DEBUG_PROVIDERS!.split(",").map((each) => each.split(":") as [string, string]),
  );
  const client = new ResourceProviderClient(
    `127.0.0.1:${ports.get(name) ?? ""}`,
    credentials.createInsecure(),
    // Clients of one address would share a connection.
    { "grpc.use_local_subchannel_pool": 1 },
  );
  clients.push(client);
  return client;
}

/** Asks again for ten seconds while it throws. */
async function until<Result>(ask: () => Result | Promise<Result>): Promise<Result> {
  for (const end = Date.now() + 10_000; ; await sleep(50)) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

type Callback<Response> = (error: Error | null, response: Response) => void;

const answer = <Response>(call: (callback: Callback<Response>) => unknown): Promise<Response> =>
  new Promise((resolve, reject) => call((error, response) => (error ? reject(error) : resolve(response))));

async function attach(client: ResourceProviderClient, address: string): Promise<void> {
  await answer((done) => client.attach(new plugin.PluginAttach().setAddress(address), done));
}

/** An API that says its name for each record that is read. */
async function apiNamed(name: string): Promise<string> {
  const server = createHttpServer((_, response) => {
    response.setHeader("content-type", "application/json");
    const record = { id: "record", name, type: "A", content: "203.0.113.1", ttl: 1, proxied: false };
    response.end(JSON.stringify({ success: true, errors: [], messages: [], result: record }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://${addressOf(server)}`;
}

async function configure(client: ResourceProviderClient, baseUrl: string): Promise<void> {
  const settings = Struct.fromJavaScript({ baseUrl, apiToken: "t".repeat(40) });
  await answer((done) => client.configure(new proto.ConfigureRequest().setArgs(settings), done));
}

/** The name of a record, as the API says it to whom the connection's provider asks. */
async function nameRead(client: ResourceProviderClient): Promise<unknown> {
  const request = new proto.ReadRequest()
    .setId("zone/record")
    .setUrn("urn:pulumi:test::test::cloudflare:index/dnsRecord:DnsRecord::it")
    .setProperties(Struct.fromJavaScript({ zoneId: "zone", name: "before", type: "A", ttl: 1 }))
    .setInputs(Struct.fromJavaScript({ zoneId: "zone", name: "before", type: "A", ttl: 1 }));
  const read = await answer<proto.ReadResponse>((done) => client.read(request, done));
  return read.getProperties()?.toJavaScript()["name"];
}

it("serves every provider of the home at a port of its own, in one process", async () => {
  const providers = await together();
  for (const name of ["aws", "cloudflare", "command", "docker", "random"]) {
    const client = connected(providers, name);
    await attach(client, "127.0.0.1:1");
    const info = await answer<plugin.PluginInfo>((done) => client.getPluginInfo(new Empty(), done));
    const { version } = JSON.parse(
      readFileSync(join("node_modules", "@pulumi", name, "package.json"), "utf8"),
    ) as { version: string };
    expect([name, info.getVersion()]).toEqual([name, version]);
  }
});

it("keeps the settings of two users of one provider apart", async () => {
  const providers = await together();
  const { address, end } = await engine();
  const [one, other] = [connected(providers, "cloudflare"), connected(providers, "cloudflare")];
  await attach(one, address);
  await attach(other, address);
  await configure(one, await apiNamed("one.example.com"));
  await configure(other, await apiNamed("other.example.com"));
  expect(await nameRead(one)).toBe("one.example.com");
  expect(await nameRead(other)).toBe("other.example.com");
  expect(await nameRead(one)).toBe("one.example.com");
  end();
});

it("knows its settings again on a connection that was made anew, as gRPC does after half an hour", async () => {
  const providers = await together();
  const { address, end } = await engine();
  const first = connected(providers, "cloudflare");
  await attach(first, address);
  await configure(first, await apiNamed("one.example.com"));
  first.close();
  await until(async () => {
    expect(await nameRead(connected(providers, "cloudflare"))).toBe("one.example.com");
  });
  end();
});

it("refuses to guess whose settings are meant on a connection that was made anew", async () => {
  const providers = await together();
  const { address, end } = await engine();
  for (const name of ["one", "other"]) {
    const client = connected(providers, "cloudflare");
    await attach(client, address);
    await configure(client, await apiNamed(`${name}.example.com`));
    client.close();
  }
  await until(() =>
    expect(nameRead(connected(providers, "cloudflare"))).rejects.toThrow(
      /the provider cloudflare was idle for too long to know which of its settings are meant; run it again/,
    ),
  );
  end();
});

it("ends with a killed engine, and ends what it runs for it", async () => {
  const providers = await together();
  const { address, end } = await engine();
  const client = connected(providers, "command");
  await attach(client, address);
  const pidFile = join(folder, "pid");
  const request = new proto.CreateRequest()
    .setUrn("urn:pulumi:test::test::command:local:Command::it")
    .setProperties(Struct.fromJavaScript({ create: `echo $$ > '${pidFile}'; sleep 1000` }));
  const call = client.create(request, () => undefined);
  const pid = await until(() => {
    const found = Number(readFileSync(pidFile, "utf8"));
    expect(found).toBeGreaterThan(0);
    return found;
  });
  expect(identify(pid)).toBeDefined();
  end();
  call.cancel();
  client.close();
  await until(() => expect(identify(pid)).toBeUndefined());
  await expect(attach(connected(providers, "random"), address)).rejects.toThrow();
});

it("goes on for an engine that has let go of one connection only", async () => {
  const providers = await together();
  const { address, end } = await engine();
  const first = connected(providers, "random");
  await attach(first, address);
  first.close();
  await sleep(300);
  await attach(connected(providers, "random"), address);
  end();
});

it("holds no port, and so no process, when the engine ends before the providers are there", async () => {
  const providers = await together();
  providers.end();
  await sleep(100);
  await expect(attach(connected(providers, "random"), "127.0.0.1:1")).rejects.toThrow(/ECONNREFUSED/);
});

it("leaves a provider to whom the user names for it", async () => {
  const { variables } = await together({ PULUMI_DEBUG_PROVIDERS: "random:1234" });
  expect(variables.PULUMI_DEBUG_PROVIDERS).toMatch(/^random:1234,aws:\d+,/);
});

it("starts nothing where the home has no provider of ours", async () => {
  const empty = { ...environment, PULUMI_HOME: join(folder, "empty") };
  expect(await startTogether({ environment: empty, directory: folder })).toBeUndefined();
});
