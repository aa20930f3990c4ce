import { createSocket, type Socket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostLayout, type HostLayout } from "../../../../sandbox/host/layout";
import {
  addNetwork,
  allocateAddress,
  namesFile,
  readNames,
  registerNames,
  unregisterNames,
} from "../../../../sandbox/host/process/names";
import { startResolver } from "../../../../sandbox/host/process/resolver";

let layout: HostLayout;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-names-"));
  layout = hostLayout(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const enter = async (owner: string, network: string, names: readonly string[]): Promise<string> => {
  const address = await allocateAddress(layout, owner);
  await registerNames(layout, address, new Map([[network, names]]));
  return address;
};

test("a name that two projects share keeps the one that is left when the other goes", async () => {
  const blue = await enter("shop-blue/api", "shop_default", ["api", "api-blue"]);
  const green = await enter("shop-green/api", "shop_default", ["api", "api-green"]);
  expect(readNames(layout).networks["shop_default"]).toEqual({
    api: [blue, green],
    "api-blue": blue,
    "api-green": green,
  });
  await unregisterNames(layout, green, { forget: true });
  expect(readNames(layout).networks["shop_default"]).toEqual({ api: blue, "api-blue": blue });
});

describe("the resolver of a service", () => {
  let socket: Socket;
  let resolver: Resolver;
  beforeEach(async () => {
    await addNetwork(layout, "shop-edge");
    const options = { address: "127.0.0.1", port: 0, namesFile: namesFile(layout), networks: ["shop-edge"] };
    socket = await startResolver(options);
    resolver = new Resolver({ timeout: 2000, tries: 1 });
    resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  });
  afterEach(() => socket.close());

  test("answers the names of its networks, the newest table each time, and no others", async () => {
    const api = await enter("shop-blue/api", "shop-edge", ["api-blue"]);
    await enter("other/db", "other_default", ["db"]);
    expect(await resolver.resolve4("API-Blue")).toEqual([api]);
    await expect(resolver.resolve4("api-green")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolver.resolve4("db")).rejects.toMatchObject({ code: "ENOTFOUND" });
    const green = await enter("shop-green/api", "shop-edge", ["api-green"]);
    expect(await resolver.resolve4("api-green")).toEqual([green]);
  });

  test("a known name has no IPv6 address; that is no error", async () => {
    await enter("shop-blue/api", "shop-edge", ["api-blue"]);
    await expect(resolver.resolve6("api-blue")).rejects.toMatchObject({ code: "ENODATA" });
  });

  test("outlives a message that is no question", async () => {
    await enter("shop-blue/api", "shop-edge", ["api-blue"]);
    const sender = createSocket("udp4");
    const { port } = socket.address();
    for (const text of ["", "x", "\u0000".repeat(12), `${"\u0000".repeat(5)}\u0001${"\u00ff".repeat(20)}`])
      await new Promise((done) => sender.send(Buffer.from(text, "latin1"), port, "127.0.0.1", done));
    sender.close();
    expect(await resolver.resolve4("api-blue")).toHaveLength(1);
  });
});
