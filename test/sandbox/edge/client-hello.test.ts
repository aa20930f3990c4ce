import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { connect } from "node:tls";
import { readClientHello } from "../../../sandbox/edge/client-hello";

/** What a real TLS client sends first. */
async function greeting(servername: string): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", servername });
  client.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [NodeJS.ReadableStream];
  const [bytes] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  server.close();
  return bytes;
}

test("the server name is read once the greeting is whole, however it is cut", async () => {
  const bytes = await greeting("API.streampai.localhost");
  for (let length = 0; length < bytes.length; length++) {
    expect(readClientHello(bytes.subarray(0, length))).toEqual({ kind: "incomplete" });
  }
  const whole = { kind: "tls", serverName: "api.streampai.localhost" };
  expect(readClientHello(bytes)).toEqual(whole);
  expect(readClientHello(Buffer.concat([bytes, Buffer.from("more")]))).toEqual(whole);
});

test("a greeting in several records is put together", async () => {
  const bytes = await greeting("a.example");
  const body = bytes.subarray(5);
  const record = (part: Buffer) =>
    Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]);
  const split = Buffer.concat([
    record(body.subarray(0, 3)),
    record(body.subarray(3, 60)),
    record(body.subarray(60)),
  ]);
  expect(readClientHello(split)).toEqual({ kind: "tls", serverName: "a.example" });
});

test("a client that names no host, plain HTTP and endless or broken greetings are told apart", async () => {
  expect(readClientHello(await greeting(""))).toEqual({ kind: "tls", serverName: undefined });
  expect(readClientHello(Buffer.from("GET / HTTP/1.1"))).toEqual({ kind: "not-tls" });
  expect(readClientHello(Buffer.alloc(70_000, 22))).toEqual({ kind: "not-tls" });
  const lies = Buffer.concat([Buffer.from([22, 3, 1, 0, 50, 1, 0, 0, 46]), Buffer.alloc(46, 0xff)]);
  expect(readClientHello(lies)).toEqual({ kind: "tls", serverName: undefined });
});
