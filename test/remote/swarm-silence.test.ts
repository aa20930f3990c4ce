/** Steps on the hosts of a swarm while Docker does not answer: no answer is not taken for "none". */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stepHost, type StepHost } from "../support/remote-step";

let host: StepHost;
afterEach(() => host.remove());

/** A Docker that works, but for calls that begin so. */
const silentTo = (call: string, answers = "") => `
case $call in
  "${call}"*) echo "Cannot connect to the Docker daemon" >&2; exit 1 ;;
  ${answers}
esac`;
const mark = (text: string) => {
  mkdirSync(host.root, { recursive: true });
  writeFileSync(join(host.root, "swarm"), text);
};
const left = () => host.calls().filter((call) => call.startsWith("swarm leave"));

describe("a host whose Docker does not answer", () => {
  const joining = { manager: "192.0.2.1:2377", token: "SWMTKN-1", advertise: "192.0.2.2" };

  test("leaves no swarm to join another", async () => {
    host = stepHost(silentTo("info"));
    const result = await host.run("swarm-join", joining);
    expect(left()).toEqual([]);
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("Docker does not tell whether this host is in a swarm");
  });

  test("leaves no swarm that it manages and that is locked", async () => {
    host = stepHost("case $call in info*) echo locked ;; esac");
    const result = await host.run("swarm-join", joining);
    expect(left()).toEqual([]);
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("docker swarm unlock");
  });

  test("leaves the swarm that it manages with its project only where it knows of no other host", async () => {
    host = stepHost(silentTo("node ls"));
    mark("made");
    const result = await host.run("project-remove", { leave: "true" });
    expect(left()).toEqual([]);
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("the hosts of the swarm cannot be listed");
    expect(existsSync(host.root)).toBe(true);
  });

  test.each(["info", "service ls", "secret ls", "ps", "network ls", "node ls"])(
    "does not say that nothing of others is in the swarm (docker %s)",
    async (call) => {
      host = stepHost(silentTo(call, "info*) echo true ;;"));
      const result = await host.run("swarm-remove");
      expect(result).toMatchObject({ code: 20, stdout: "" });
      expect(result.stderr).toContain("Docker does not tell what is in the swarm");
    },
  );

  test("does not say that the proxy has another configuration", async () => {
    const frames = { image: "caddy:2", caddyfile: ":80" };
    host = stepHost(silentTo("ps", "run*) cat >/dev/null; echo changed ;;"));
    const result = await host.run("swarm-proxy-config", frames);
    expect(result).toMatchObject({ code: 20, stdout: "" });
    // And the next one does not take what lies there for what runs.
    expect(existsSync(join(host.root, "proxy", "unloaded"))).toBe(true);
  });
});
