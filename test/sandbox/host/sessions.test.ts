import { identify, isRunning, sleep } from "../../../common/processes";
import { describeWhere, hasProgram, TestHost } from "./support";

jest.setTimeout(60_000);

describeWhere(process.platform === "linux" && hasProgram("ssh"), "plain processes need Linux and ssh")(
  "what a login has left running",
  () => {
    let host: TestHost;
    beforeEach(async () => {
      host = await TestHost.start({ mode: "process" });
    });
    afterEach(() => host.remove());

    const start = async (): Promise<NonNullable<ReturnType<typeof identify>>> => {
      const { stdout } = await host.ssh("setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $!");
      await sleep(200);
      const worker = identify(Number(stdout));
      if (worker === undefined) throw new Error("the worker has ended with its connection");
      return worker;
    };

    test("goes on while only the SSH server is ended, as when the sandbox is started anew", async () => {
      const worker = await start();
      await host.host.close();
      expect(isRunning(worker)).toBe(true);
    });

    test("ends when the machine goes down", async () => {
      const worker = await start();
      await host.host.close({ services: true });
      expect(isRunning(worker)).toBe(false);
    });
  },
);
