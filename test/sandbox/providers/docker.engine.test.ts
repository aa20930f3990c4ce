import * as docker from "@pulumi/docker";
import { withStack } from "../../support/engine";
import { canStartDaemon, importShellImage, startDaemon, type TestDaemon } from "../../support/docker-daemon";

const image = "groundwork-test/shell:1";

if (canStartDaemon) {
  describe("the docker provider under the real engine, against a real daemon", () => {
    let daemon: TestDaemon;
    beforeAll(async () => {
      daemon = await startDaemon();
      importShellImage(daemon, image);
    }, 60_000);
    afterAll(() => daemon.close(), 60_000);

    interface Choice {
      readonly restart?: string;
      readonly word?: string;
      readonly command?: string;
    }

    const program =
      ({ restart = "no", word = "one", command = "sleep 600" }: Choice) =>
      () => {
        const provider = new docker.Provider("there", { host: daemon.host });
        const options = { provider };
        const local = new docker.RemoteImage("image", { name: image, keepLocally: true }, options);
        const volume = new docker.Volume("data", { labels: [{ label: "part", value: "data" }] }, options);
        new docker.Network("back", { internal: true, labels: [{ label: "part", value: "net" }] }, options);
        const container = new docker.Container(
          "app",
          {
            image: local.imageId,
            entrypoints: ["/bin/sh", "-c", command],
            envs: [`WORD=${word}`],
            networkMode: "none",
            restart,
            volumes: [{ volumeName: volume.name, containerPath: "/data" }],
          },
          options,
        );
        return Promise.resolve({ name: container.name, volume: volume.name, imageId: local.imageId });
      };

    it("creates, keeps, updates in place, replaces, finds drift, imports and destroys", async () => {
      await withStack({ packages: ["docker"], program: program({}) }, async (stack) => {
        await stack.up();
        const outputs = await stack.outputs();
        const name = outputs["name"]?.value as string;
        const volume = outputs["volume"]?.value as string;
        expect(name).toMatch(/^app-[\da-f]{7}$/);
        expect(outputs["imageId"]?.value).toMatch(/^sha256:[\da-f]{64}$/);
        expect(daemon.docker("inspect", "--format", "{{.State.Running}} {{.Config.Env}}", name)).toContain(
          "true [WORD=one",
        );
        expect(daemon.docker("volume", "inspect", "--format", "{{.Labels.part}}", volume)).toBe("data");

        const network = await stack.resource("back");
        expect(network.outputs).toMatchObject({ driver: "bridge", internal: true, scope: "local" });
        expect(daemon.docker("network", "inspect", "--format", "{{.Internal}}", network.id!)).toBe("true");

        expect((await stack.preview()).changes).toEqual({ same: 6 });
        expect((await stack.refresh()).changes).toEqual({ same: 6 });
        expect((await stack.preview()).changes).toEqual({ same: 6 });

        expect((await stack.decisions(program({ restart: "always" })))["app"]).toEqual({
          op: "update",
          diffs: ["restart"],
          replaceKeys: [],
        });
        await stack.up();
        expect(daemon.docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", name)).toBe(
          "always",
        );
        // Changed behind the engine's back: refresh finds it, the next run puts it right.
        daemon.docker("update", "--restart", "unless-stopped", name);
        await stack.refresh();
        expect((await stack.decisions())["app"]).toMatchObject({ op: "update", diffs: ["restart"] });
        await stack.up();
        expect(daemon.docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", name)).toBe(
          "always",
        );

        const second = program({ restart: "always", word: "two" });
        expect((await stack.decisions(second))["app"]).toMatchObject({
          op: "replace",
          replaceKeys: ["envs"],
        });
        await stack.up();
        const after = (await stack.outputs())["name"]?.value as string;
        expect(after).not.toBe(name);
        expect(daemon.docker("ps", "--all", "--format", "{{.Names}}")).toBe(after);

        // Gone behind the engine's back.
        daemon.docker("rm", "--force", after);
        expect((await stack.refresh()).changes).toMatchObject({ delete: 1 });
        expect((await stack.decisions())["app"]?.op).toBe("create");
        await stack.up();

        daemon.docker("volume", "create", "by-hand");
        await stack.up(() => {
          const provider = new docker.Provider("there", { host: daemon.host });
          new docker.Volume("hand", { name: "by-hand", driver: "local" }, { provider, import: "by-hand" });
          return Promise.resolve({});
        });
        expect((await stack.resource("hand")).outputs).toMatchObject({ name: "by-hand", driver: "local" });

        await stack.destroy();
        expect(daemon.docker("ps", "--all", "--quiet")).toBe("");
        expect(daemon.docker("volume", "ls", "--quiet")).toBe("");
        expect(daemon.docker("network", "ls", "--quiet", "--filter", "type=custom")).toBe("");
        expect(daemon.docker("image", "ls", "--quiet", image)).not.toBe("");
      });
    }, 240_000);

    it("takes what has a name or a port of the program's own away before it makes its successor", async () => {
      const named = (word: string) => () => {
        const options = { provider: new docker.Provider("there", { host: daemon.host }) };
        const labels = [{ label: "word", value: word }];
        const volume = new docker.Volume("data", { name: "kept-name", labels }, options);
        const inputs = { name: "web", ports: [{ internal: 80, external: 0, ip: "127.0.0.1" }] };
        const command = { entrypoints: ["/bin/sh", "-c", "sleep 600"], envs: [`WORD=${word}`] };
        const volumes = [{ volumeName: volume.name, containerPath: "/data" }];
        new docker.Container("app", { image, ...inputs, ...command, volumes }, options);
        return Promise.resolve({});
      };
      await withStack({ packages: ["docker"], program: named("one") }, async (stack) => {
        await stack.up();
        await stack.up(named("two"));
        expect(daemon.docker("inspect", "--format", "{{.State.Running}} {{.Config.Env}}", "web")).toContain(
          "true [WORD=two",
        );
        expect(daemon.docker("volume", "inspect", "--format", "{{.Labels.word}}", "kept-name")).toBe("two");
        expect((await stack.preview()).changes).toEqual({ same: 4 });
      });
    }, 180_000);

    it("fails for a container that does not stay, and records it", async () => {
      await withStack({ packages: ["docker"], program: program({ command: "exit 3" }) }, async (stack) => {
        await expect(stack.up()).rejects.toThrow();
        expect(stack.printed()).toContain("container exited immediately, with status 3");
        expect((await stack.resource("app")).id).toMatch(/^[\da-f]{64}$/);
        await stack.up(program({}));
        expect(daemon.docker("ps", "--format", "{{.Status}}")).toMatch(/^Up/);
      });
      expect(daemon.docker("ps", "--all", "--quiet")).toBe("");
    }, 180_000);
  });
} else {
  it("is held against no real daemon here: dockerd is not installed, or this is not root", () => {
    expect(canStartDaemon).toBe(false);
  });
}

describe("the docker provider under the real engine, without a daemon", () => {
  it("says what it cannot reach, and refuses by name what it does not have", async () => {
    const without = () => {
      const provider = new docker.Provider("nowhere", { host: "unix:///nonexistent/docker.sock" });
      new docker.Volume("data", {}, { provider });
      return Promise.resolve({});
    };
    await withStack({ packages: ["docker"], program: without }, async (stack) => {
      await expect(stack.up()).rejects.toThrow();
      expect(stack.printed()).toContain("cannot reach the Docker daemon at unix:///nonexistent/docker.sock");
      const one = (make: () => unknown) => () => (make(), Promise.resolve({}));
      const privileged = one(() => new docker.Container("root", { image: "x", privileged: true }));
      await expect(stack.preview(privileged)).rejects.toThrow();
      const service = one(() => new docker.Service("many", { taskSpec: { containerSpec: { image: "x" } } }));
      await expect(stack.preview(service)).rejects.toThrow();
      expect(stack.printed()).toContain('has no input "privileged"');
      expect(stack.printed()).toContain("unknown resource type docker:index/service:Service");
    });
  }, 120_000);
});
