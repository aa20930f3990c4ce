import { composeFlags, parseArguments, splitComposeLine } from "../../../../sandbox/host/docker/arguments";
import { isRecent } from "../../../../sandbox/host/docker/compose-plugin";
import { composeOverride } from "../../../../sandbox/host/docker/override";
import { rewriteDockerArguments } from "../../../../sandbox/host/docker/rewrite";
import { withLocalPorts } from "../../../../sandbox/host/curl";
import { parse } from "yaml";

test("reads flags in every way that Docker takes them", () => {
  const table = {
    values: ["file", "env"],
    booleans: ["detach", "tty"],
    aliases: { f: "file", e: "env", d: "detach", t: "tty" },
  };
  expect(
    parseArguments(["-fa", "-f", "b", "--file=c", "--file", "d", "-dt", "--env=A=B", "x", "--", "-y"], table),
  ).toEqual({
    flags: { file: ["a", "b", "c", "d"], detach: ["true"], tty: ["true"], env: ["A=B"] },
    words: ["x", "-y"],
  });
  expect(() => parseArguments(["--nope"], table)).toThrow("unknown flag: --nope");
  expect(() => parseArguments(["-dz"], table)).toThrow("unknown shorthand flag: 'z' in -dz");
  expect(() => parseArguments(["--file"], table)).toThrow("flag needs an argument: --file");
});

test("cuts Compose's command line at its command", () => {
  expect(splitComposeLine(["-p", "x", "--env-file=.env", "-f", "a", "exec", "-T", "db", "-f"])).toEqual({
    global: {
      flags: { "project-name": ["x"], "env-file": [".env"], file: ["a"] },
      words: ["exec", "-T", "db", "-f"],
    },
    command: "exec",
    rest: ["-T", "db", "-f"],
  });
  expect(composeFlags.stopAtWord).toBe(true);
});

test("the override moves ports, images and names, labels everything, and changes nothing else", () => {
  const text = composeOverride({
    config: {
      name: "gw-shop",
      services: {
        api: { image: "a", container_name: "api", ports: [{ target: 4000, published: "80" }, { target: 9 }] },
        db: { image: "p" },
      },
      networks: { back: { name: "shared", external: true } },
      volumes: { data: { name: "gw-shop_data" } },
    },
    prefix: "gw",
    label: { name: "l", value: "v" },
    image: (service) => (service === "db" ? "gw/postgres:1" : undefined),
    localPort: (_service, port) => (port.published === "80" ? 20_080 : undefined),
  });
  expect(text).toContain("ports: !override");
  expect(parse(text.replace("!override ", ""))).toEqual({
    services: {
      api: {
        labels: { l: "v" },
        container_name: "gw-api",
        ports: [
          { target: 4000, host_ip: "127.0.0.1", protocol: "tcp", mode: "host", published: "20080" },
          { target: 9, host_ip: "127.0.0.1", protocol: "tcp", mode: "host" },
        ],
      },
      db: { labels: { l: "v" }, image: "gw/postgres:1", pull_policy: "never" },
    },
    networks: { default: { name: "gw-default", labels: { l: "v" } }, back: { name: "gw-shared" } },
    volumes: { data: { name: "gw-shop_data", labels: { l: "v" } } },
  });
});

const context = {
  prefix: "gw",
  label: "l=v",
  ownsId: (id: string) => Promise.resolve(id.startsWith("aaaa")),
  imageFor: (reference: string) => Promise.resolve(`made/${reference}`),
  localPort: (port: number) => (port === 80 ? 24680 : undefined),
};

test.each([
  [
    ["version", "--format", "x"],
    ["version", "--format", "x"],
  ],
  [
    ["ps", "-a"],
    ["ps", "--filter", "label=l=v", "-a"],
  ],
  [
    ["ps", "--filter", "label=com.docker.compose.project=shop"],
    ["ps", "--filter", "label=l=v", "--filter", "label=com.docker.compose.project=gw-shop"],
  ],
  [
    ["exec", "-i", "-e", "A=1", "shop-db-1", "psql", "x"],
    ["exec", "-i", "-e", "A=1", "gw-shop-db-1", "psql", "x"],
  ],
  [
    ["logs", "-f", "--tail", "5", "api"],
    ["logs", "-f", "--tail", "5", "gw-api"],
  ],
  [
    ["inspect", "-f", "{{.Id}}", "gw-api"],
    ["inspect", "-f", "{{.Id}}", "gw-api"],
  ],
  [
    ["rm", "-f", "aaaa11112222", "b"],
    ["rm", "-f", "aaaa11112222", "gw-b"],
  ],
  [
    ["port", "aaaa11112222", "2020/tcp"],
    ["port", "aaaa11112222", "2020/tcp"],
  ],
  [
    ["ps", "--filter", "publish=80", "--filter=publish=81"],
    ["ps", "--filter", "label=l=v", "--filter", "publish=24680", "--filter=publish=1"],
  ],
  [
    ["network", "create", "shared"],
    ["network", "create", "--label", "l=v", "gw-shared"],
  ],
  [
    ["volume", "ls", "-q"],
    ["volume", "ls", "--filter", "label=l=v", "-q"],
  ],
  [
    ["volume", "ls", "--filter=label=com.docker.compose.project=shop"],
    ["volume", "ls", "--filter", "label=l=v", "--filter=label=com.docker.compose.project=gw-shop"],
  ],
  [
    ["network", "ls", "--filter", "label=com.docker.compose.project=shop", "-q"],
    ["network", "ls", "--filter", "label=l=v", "--filter", "label=com.docker.compose.project=gw-shop", "-q"],
  ],
  [
    ["volume", "rm", "-f", "data"],
    ["volume", "rm", "-f", "gw-data"],
  ],
  [
    ["image", "inspect", "postgres"],
    ["image", "inspect", "made/postgres"],
  ],
])("docker %j becomes %j", async (args, expected) => {
  expect(await rewriteDockerArguments(args, context)).toEqual(expected);
});

test.each([
  ["run"],
  ["system", "prune"],
  ["build"],
  ["swarm"],
  ["network", "prune"],
  ["volume", "prune"],
  ["rmi"],
  ["stop", "bbbb11112222"],
])("docker %s %s is refused: it could touch what is not the sandbox's", async (...args) => {
  await expect(rewriteDockerArguments(args, context)).rejects.toThrow(/shares its Docker|No such object/);
});

test.each([
  ["2.40.3", true],
  ["v2.24.4", true],
  ["2.24.3", false],
  ["2.3.0", false],
  ["3.0.0-rc1", true],
  ["5.0.1", true],
  ["1.29.2", false],
  ["dev", false],
])("compose %s is new enough: %s", (version, recent) => expect(isRecent(version)).toBe(recent));

test("curl is told where published ports are, behind what the caller says", () => {
  const ports = new Map([[80, 20_080]]);
  expect(withLocalPorts(["--connect-to", "api:80:127.0.0.1:80", "http://api/"], ports).slice(0, 3)).toEqual([
    "--connect-to",
    "api:80:127.0.0.1:20080",
    "http://api/",
  ]);
  expect(withLocalPorts(["--connect-to=api:443:127.0.0.1:443"], ports)[0]).toBe(
    "--connect-to=api:443:127.0.0.1:443",
  );
  expect(withLocalPorts(["x"], ports)).toEqual(
    expect.arrayContaining([
      "x",
      "--connect-to",
      "localhost:80:127.0.0.1:20080",
      "127.0.0.1:80:127.0.0.1:20080",
    ]),
  );
});
