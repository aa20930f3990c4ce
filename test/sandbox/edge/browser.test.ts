import { createServer as createSecure } from "node:https";
import { WebSocketServer } from "ws";
import { browserTest, launchBrowser } from "../../support/browser";
import { makeSite, originAddress, World } from "./fixture";

const root = "streampai.example";
const api = "api.streampai.example";

const page = `<!doctype html>
<title>Streampai</title>
<output></output>
<script type="module">
  const said = [];
  const answer = await fetch("https://${api}/api/hello", { credentials: "include" });
  said.push(await answer.text(), location.protocol);
  const socket = new WebSocket("wss://${api}/socket");
  socket.onopen = () => socket.send("ping");
  socket.onmessage = ({ data }) => {
    said.push(data, performance.getEntriesByType("navigation")[0].nextHopProtocol);
    document.querySelector("output").textContent = said.join(" | ");
    document.title = "done";
  };
</script>
`;

browserTest("a browser loads a Pages site that calls its API and opens a WebSocket", async () => {
  const world = await World.start();
  const cookies: (string | undefined)[] = [];
  try {
    world.account.zones.push(root);
    Object.assign(world.account.settings, {
      always_use_https: "on",
      ssl: "strict",
      security_header: {
        strict_transport_security: { enabled: true, max_age: 3600, include_subdomains: true },
      },
    });
    world.account.records.push(
      { type: "CNAME", name: root, content: "streampai.pages.dev", proxied: true },
      { type: "A", name: api, content: originAddress, proxied: true },
    );
    world.account.pages[root] = makeSite({ "/index.html": page });
    const tls = await world.originCa.issue({ hostnames: [api] });
    const origin = createSecure({ cert: tls.certificatePem, key: tls.keyPem }, (request, response) => {
      cookies.push(request.headers.cookie);
      response.setHeader("access-control-allow-origin", `https://${root}`);
      response.setHeader("access-control-allow-credentials", "true");
      response.setHeader("set-cookie", `session=1; Domain=.${root}; Path=/; Secure; SameSite=None`);
      response.end(`hello ${request.headers["x-forwarded-proto"] as string}`);
    });
    new WebSocketServer({ server: origin }).on("connection", (socket, request) => {
      cookies.push(request.headers.cookie);
      socket.on("message", (data) => socket.send(`pong ${(data as Buffer).toString()}`));
    });
    await world.serve(origin, `${originAddress}:443`);

    const browser = await launchBrowser({
      hosts: {
        [`${root}:80`]: `127.0.0.1:${world.edge.httpPort}`,
        [`*${root}:443`]: `127.0.0.1:${world.edge.httpsPort}`,
      },
    });
    try {
      const tab = await browser.newPage();
      const broken: string[] = [];
      tab.on("pageerror", (error) => broken.push(String(error)));
      // By plain HTTP, as somebody types it: the edge sends the browser to HTTPS.
      await tab.goto(`http://${root}/some/route`);
      await tab.waitForFunction("document.title === 'done'", undefined, { timeout: 20_000 });
      expect(await tab.textContent("output")).toBe("hello https | https: | pong ping | h2");
      expect(broken).toEqual([]);
      expect(tab.url()).toBe(`https://${root}/some/route`);
      expect(cookies).toEqual([undefined, "session=1"]);
    } finally {
      await browser.close();
    }
  } finally {
    await world.close();
  }
});

browserTest("a browser reaches hosts below .localhost by their ports alone", async () => {
  const world = await World.start();
  try {
    world.account.records.push({
      type: "CNAME",
      name: "streampai.localhost",
      content: "x.pages.dev",
      proxied: true,
    });
    world.account.pages["streampai.localhost"] = makeSite({ "/index.html": "<title>here</title>" });
    const browser = await launchBrowser();
    try {
      const tab = await browser.newPage();
      for (const scheme of ["http", "https"] as const) {
        await tab.goto(world.url(scheme, "streampai.localhost"));
        expect(await tab.title()).toBe("here");
      }
    } finally {
      await browser.close();
    }
  } finally {
    await world.close();
  }
});
