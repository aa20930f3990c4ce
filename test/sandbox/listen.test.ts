import { createServer, type Server } from "node:net";
import { atLastPort, listen, listenAtLastPort } from "../../sandbox/listen";

const servers: Server[] = [];
const start = (lastPort?: number, said: string[] = []): Promise<number> => {
  const server = createServer();
  servers.push(server);
  return listenAtLastPort(server, lastPort, (line) => said.push(line));
};
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

test("the port of last time is had again", async () => {
  const port = await start();
  await new Promise((resolve) => servers.pop()?.close(resolve));
  const said: string[] = [];
  expect(await start(port, said)).toBe(port);
  expect(said).toEqual([]);
});

test("where somebody else has it, another one is used, and that is said", async () => {
  const port = await start();
  const said: string[] = [];
  expect(await start(port, said)).not.toBe(port);
  expect(said).toEqual([`port ${port} of last time is taken by somebody else; another one is used`]);
});

test("what is wrong otherwise is not passed over", async () => {
  const wrong = (port: number): Promise<number> => listen(createServer(), port, "192.0.2.1");
  await expect(atLastPort(20_000, undefined, wrong)).rejects.toThrow(/EADDRNOTAVAIL/);
});
