import { createHash } from "node:crypto";
import { escape, html, safeUrl } from "../../../common/html";
import type { EnvironmentModel } from "../../../sandbox/page/model";
import { modelFromDeployment } from "../../../sandbox/page/deployment";
import { renderEnvironmentPage } from "../../../sandbox/page/page";
import { serveEnvironmentPage } from "../../../sandbox/page/server";
import { canary, sampleOutputs, sampleResources } from "./sample-deployment";

const model = modelFromDeployment({ stack: "staging", resources: sampleResources(), outputs: sampleOutputs });

describe("renderEnvironmentPage", () => {
  it("needs nothing from elsewhere and allows nothing to come", () => {
    const page = renderEnvironmentPage(model);
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!.replaceAll("&#39;", "'");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'none'");
    for (const [tag, directive] of [
      ["script", "script-src"],
      ["style", "style-src"],
    ] as const) {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)![1]!;
      const hash = createHash("sha256").update(text).digest("base64");
      expect(policy).toContain(`${directive} 'sha256-${hash}'`);
    }
    expect(page).not.toMatch(/(?:src|href)="(?!https:\/\/(?:api-)?staging\.streampai\.com|#|data:)/);
    expect(page).not.toContain(canary);
  });

  it("writes everything of the model as text", () => {
    const hostile = `"><script>alert(1)</script>'&`;
    const page = renderEnvironmentPage({
      stack: hostile,
      project: hostile,
      state: "ok",
      notes: [hostile],
      nodes: [
        {
          id: hostile,
          lane: "edge",
          kind: "edge",
          title: hostile,
          facts: [hostile],
          state: "ok",
          url: `javascript:alert(1)`,
          component: hostile,
        },
      ],
      links: [{ from: hostile, to: hostile }],
      addresses: [{ label: hostile, url: `javascript:alert("${hostile}")`, state: "ok", detail: hostile }],
      roles: [{ database: hostile, role: hostile, purpose: hostile, rights: hostile }],
      resources: [
        {
          urn: hostile,
          name: hostile,
          type: hostile,
          component: hostile,
          componentType: hostile,
          state: "ok",
        },
      ],
    });
    expect(page).not.toContain("<script>alert");
    expect(page).not.toContain('href="javascript:');
    expect(page.match(/<script>/g)).toHaveLength(1);
  });

  it("is the same for the same model", () => {
    expect(renderEnvironmentPage(model)).toBe(renderEnvironmentPage(model));
  });

  it("says what to do where nothing is deployed", () => {
    const page = renderEnvironmentPage(modelFromDeployment({ stack: "dev", resources: [] }));
    expect(page).toContain("Nothing is deployed in dev.");
    expect(page).toContain("<code>npm start</code>");
  });
});

describe("html", () => {
  it("escapes what is put in, and leaves out what is not there", () => {
    expect(html`<b title="${'"'}">${"<i>"}${undefined}${false}${[1, html`<u>${"&"}</u>`]}</b>`.text).toBe(
      '<b title="&quot;">&lt;i&gt;1<u>&amp;</u></b>',
    );
    expect(escape("'")).toBe("&#39;");
  });

  it.each([
    ["https://a.example/x", "https://a.example/x"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["javascript:alert(1)", undefined],
    ["data:text/html,x", undefined],
    ["not a url", undefined],
    [undefined, undefined],
  ])("follows %s as %s", (url, expected) => expect(safeUrl(url)).toBe(expected));
});

describe("serveEnvironmentPage", () => {
  it("serves page, content and model, and says when nothing has changed", async () => {
    let current: EnvironmentModel = model;
    const server = await serveEnvironmentPage({ model: () => Promise.resolve(current) });
    try {
      expect(server.url).toBe(`http://127.0.0.1:${server.port}/`);
      const page = await fetch(server.url);
      expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(await page.text()).toContain('data-live="true"');
      const first = await fetch(`${server.url}model.json`);
      expect(await first.json()).toEqual(JSON.parse(JSON.stringify(model)));
      const again = { headers: { "if-none-match": first.headers.get("etag")! } };
      expect((await fetch(`${server.url}model.json`, again)).status).toBe(304);
      current = { ...model, state: "failed" };
      expect((await fetch(`${server.url}model.json`, again)).status).toBe(200);
      expect(await (await fetch(`${server.url}content`)).text()).toContain("needs a look");
    } finally {
      await server.close();
    }
  });

  it("asks for the model once for all that wait", async () => {
    let asked = 0;
    const server = await serveEnvironmentPage({
      model: async () => {
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 200));
        return model;
      },
    });
    try {
      const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(`${server.url}content`)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(asked).toBe(1);
    } finally {
      await server.close();
    }
  });

  it.each([
    ["/nothing", {}, 404],
    ["/__proto__", {}, 404],
    ["/", { method: "POST" }, 405],
  ])("answers %s %j with %d", async (path, init, status) => {
    const server = await serveEnvironmentPage({ model: () => Promise.resolve(model) });
    try {
      expect((await fetch(server.url.slice(0, -1) + path, init)).status).toBe(status);
    } finally {
      await server.close();
    }
  });

  it("says why the model cannot be had, and recovers", async () => {
    let works = false;
    const server = await serveEnvironmentPage({
      model: () => (works ? Promise.resolve(model) : Promise.reject(new Error("the state is being written"))),
    });
    try {
      const answer = await fetch(server.url);
      expect([answer.status, await answer.text()]).toEqual([503, "the state is being written\n"]);
      works = true;
      expect((await fetch(server.url)).status).toBe(200);
    } finally {
      await server.close();
    }
  });
});
