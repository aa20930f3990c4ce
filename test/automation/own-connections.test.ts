import { Server, ServerCredentials, credentials } from "@grpc/grpc-js";
import { EngineClient, EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { GetRootResourceRequest, GetRootResourceResponse } from "@pulumi/pulumi/proto/engine_pb";
import { clientOptions, keepConnectionsApart } from "../../automation/own-connections";

keepConnectionsApart();

/** An engine as far as one question goes. */
async function engineAt(port: number): Promise<{ readonly port: number; readonly end: () => void }> {
  const server = new Server();
  server.addService(EngineService, {
    getRootResource: (_call: unknown, answer: (error: null, response: GetRootResourceResponse) => void) =>
      answer(null, new GetRootResourceResponse().setUrn("urn")),
  });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, found) =>
      error === null ? resolve(found) : reject(error),
    ),
  );
  return { port: bound, end: () => server.forceShutdown() };
}

const clientOf = (port: number): EngineClient =>
  new EngineClient(`127.0.0.1:${port}`, credentials.createInsecure(), clientOptions());

const ask = (client: EngineClient): Promise<string> =>
  new Promise((resolve) =>
    client.getRootResource(new GetRootResourceRequest(), (error, response) =>
      resolve(error === null ? response.getUrn() : `code ${error.code}`),
    ),
  );

it("an engine is heard on a port whose last engine was asked after its end", async () => {
  const first = await engineAt(0);
  const left = clientOf(first.port);
  expect(await ask(left)).toBe("urn");
  first.end();
  let answer = "urn";
  while (answer === "urn") answer = await ask(left);
  expect(answer).toBe("code 14");
  const second = await engineAt(first.port);
  const fresh = clientOf(first.port);
  try {
    expect(await ask(fresh)).toBe("urn");
  } finally {
    for (const client of [left, fresh]) client.close();
    second.end();
  }
});
