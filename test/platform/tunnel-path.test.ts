import { describeTunnels } from "../../automation/adopt/tunnels";
import type { Live } from "../../automation/adopt/live";
import { SettingsError, validateStackFile } from "../../platform/settings";
import { tunnelRoutes } from "../../platform/wiring";
import { routeFor } from "../../sandbox/tunnel/ingress";
import { stackText } from "./settings/stack-text";

const hostname = "api.acme.example";

/** What cloudflared is told for a path of a stack file. */
function patternOf(path: string): string | undefined {
  const text = stackText(
    `groundwork:tunnels:\n  main: { ingress: { ${hostname}: { service: "http://api:80", path: ${path} } } }`,
  );
  const result = validateStackFile({ file: "f", text, stack: "staging" });
  if ("issues" in result) throw new SettingsError(result.issues);
  return tunnelRoutes(result.settings.tunnels.main!)[0]?.path;
}

describe("a tunnel's path", () => {
  test.each([
    ["/ws", ["/ws", "/ws/", "/ws/room"], ["/wsecret", "/admin/ws", "/news/wsx", "/"]],
    ["/ws/", ["/ws", "/ws/room"], ["/wsecret"]],
    ["/ws/*", ["/ws", "/ws/room"], ["/wsecret"]],
    ["/v1.0", ["/v1.0/a"], ["/v1x0"]],
    ["/", ["/", "/admin"], []],
  ])("%s lets through itself and what is below it", (path, open, closed) => {
    const pattern = patternOf(path);
    const rule = {
      hostname,
      service: "http_status:200",
      ...(pattern === undefined ? {} : { path: pattern }),
    };
    const ingress = [rule, { service: "http_status:404" }];
    const statusOf = (asked: string) => routeFor({ version: 1, ingress }, hostname, asked);
    for (const asked of open) expect([asked, statusOf(asked)]).toMatchObject([asked, { status: 200 }]);
    for (const asked of closed) expect([asked, statusOf(asked)]).toMatchObject([asked, { status: 404 }]);
  });

  test.each([
    ["^/ws(/|$)", "/ws"],
    ["^/v1\\.0(/|$)", "/v1.0"],
    ["/ws", undefined],
    ["^/a|b(/|$)", undefined],
    ["^/a.b(/|$)", undefined],
  ])("of a tunnel made by hand with the pattern %s is taken over where it says the same", (path, said) => {
    const id = "7f";
    const live = {
      zone: { name: "acme.example" },
      records: [{ id: "r", name: hostname, type: "CNAME", content: `${id}.cfargotunnel.com` }],
      tunnels: [{ id, name: "office", ingress: [{ hostname, path, service: "http://api:80" }] }],
    } as unknown as Live;
    const { part, remarks } = describeTunnels(live);
    if (said === undefined) {
      expect(part).toEqual({});
      expect(remarks).toEqual([expect.stringContaining(`not the pattern ${path}`)]);
      return;
    }
    expect(part).toMatchObject({ office: { ingress: { [hostname]: { path: said } } } });
    expect(patternOf(said)).toBe(path);
  });
});
