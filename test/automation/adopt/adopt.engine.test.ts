import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Cloudflare from "cloudflare";
import type { CommandResult } from "../../support/command";
import { SmallProject } from "../../support/small-project";
import { transcribe } from "../../support/transcript";
import { parsedAnswer } from "../../support/json-answer";
import { makeByHand, type MadeByHand } from "./by-hand";

jest.setTimeout(600_000);

let project: SmallProject;
let made: MadeByHand;
beforeAll(async () => {
  project = await SmallProject.start();
  // Its site has the host name of the zone's.
  rmSync(join(project.directory, "Pulumi.shop.yaml"));
  const baseURL = project.variables["CLOUDFLARE_BASE_URL"];
  made = await makeByHand(new Cloudflare({ apiToken: project.apiToken, baseURL, maxRetries: 0 }));
});
afterAll(() => project.end());

/** Runs a command on the stack, and keeps it for the transcript, without this test's own places. */
async function run(...args: string[]): Promise<CommandResult> {
  const elsewhere = args[0] === "adopt" ? ["--api-url", project.variables["CLOUDFLARE_BASE_URL"] ?? ""] : [];
  const result = await project.run([...args, ...elsewhere]);
  const all = result.all.replaceAll(/ --directory [^\s;]+/g, "");
  transcribe(`$ npx groundwork ${args.join(" ")}`, { ...result, all });
  return result;
}

/** Everything at Cloudflare with ids and times of change, as the API tells it. */
async function inventory(): Promise<unknown> {
  const { accountPath: account, zonePath: zone } = project;
  const paths = [
    `${zone}/settings`,
    `${zone}/dnssec`,
    `${zone}/dns_records?per_page=1000`,
    `${zone}/rulesets`,
    `${account}/pages/projects`,
    `${account}/pages/projects/shop-web/domains`,
    `${account}/r2/buckets`,
    `${account}/r2/buckets/shop-media/cors`,
    `${account}/r2/buckets/shop-media/domains/custom`,
    `${account}/r2/buckets/shop-media/domains/managed`,
    `${account}/access/apps`,
    `${account}/access/policies`,
    `${account}/access/identity_providers`,
    `${account}/access/service_tokens`,
    `${account}/cfd_tunnel`,
    `${account}/cfd_tunnel/${made["tunnel"] ?? ""}/configurations`,
  ];
  const all: Record<string, unknown> = {};
  for (const path of paths) all[path] = await project.api("GET", path);
  return all;
}

/** Lines of a run that tell of a resource, by their operation. */
function told(text: string): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (const [, operation = "", what = ""] of text.matchAll(/^ {2}\S (\w+) (\S+ \S+)/gm)) {
    (lines[operation] ??= []).push(what);
  }
  return lines;
}

const components = ["AccessProtectedEnv access", "PagesSite shop-web", "R2Buckets buckets", "Tunnel office"];

test("a zone made by hand is taken over as it is: imports and no change, then nothing to do", async () => {
  const before = await inventory();
  const adopted = await run("adopt", "-s", "live", "--domain", "example.com");
  expect(adopted.all).toContain("32 things are taken over as they are");
  expect(adopted.code).toBe(0);

  // What there are no words for is told.
  for (const said of [
    "rules of the phase http_request_transform: a stack file has no words for one of them",
    "DNS record SRV _sip._tcp.example.com: a stack file takes A, AAAA, CNAME, TXT, MX, CAA",
    "DNS record CNAME media.example.com: the custom domain of R2 bucket shop-media keeps it",
    "secret variable SENDING_KEY of Pages project shop-web (production): its value cannot be read",
    "CORS (1 rules) of R2 bucket shop-media",
    "secret of tunnel office: nobody can read it",
    'zone-min_tls_version: value stays "1.0" (the stack file would say "1.2")',
    'zone-record-a-api.example.com: comment stays "the host"',
    'access-people: name stays "Our people"',
  ]) {
    expect(adopted.stdout).toContain(said);
  }
  expect(adopted.stdout).not.toContain("would be made");
  expect(adopted.stdout).not.toContain("written once more");

  const elsewhere = ["--api-url", project.variables["CLOUDFLARE_BASE_URL"] ?? ""];
  const anew = ["adopt", "-s", "live", "--domain", "example.com", "--force", "--json", ...elsewhere];
  const answer = parsedAnswer("adopt", (await project.run(anew)).stdout);
  expect([answer.stack, answer.imported.length, answer.made]).toEqual(["live", 32, []]);
  for (const line of [...answer.kept, ...answer.remarks]) expect(adopted.stdout).toContain(line);

  const preview = await run("preview", "-s", "live");
  expect(preview.code).toBe(0);
  expect(told(preview.all)["import"]).toHaveLength(32);
  expect(told(preview.all)["create"]?.sort()).toEqual([...components, "ZoneBaseline zone"].sort());
  expect(Object.keys(told(preview.all)).sort()).toEqual(["create", "import"]);

  const up = await run("up", "-s", "live");
  expect(up.all).toContain("32 imported");
  expect(up.code).toBe(0);
  // Ids and times of change are among it: nothing was written, and nothing made anew.
  expect(await inventory()).toEqual(before);
  const again = await run("preview", "-s", "live");
  expect(again.all).toContain("nothing to change: 39 resources are as described");
  expect(again.code).toBe(0);
});

test("a stack file that is there is not written over, and a mistake is told before anything is written", async () => {
  const file = join(project.directory, "Pulumi.shop.yaml");
  const before = "config:\n  groundwork:domain: example.com\n";
  writeFileSync(file, before);
  const refused = await project.run(["adopt", "-s", "shop", "--domain", "example.com"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    "there is a stack file already, and it is not written over: Pulumi.shop.yaml",
  );
  expect(readFileSync(file, "utf8")).toBe(before);

  const elsewhere = ["--api-url", project.variables["CLOUDFLARE_BASE_URL"] ?? ""];
  const unknown = await project.run(["adopt", "-s", "new", "--domain", "exampel.com", ...elsewhere]);
  expect(unknown.stderr).toContain("the token sees no zone of that name: exampel.com");
  const wrong = await project.run(["adopt", "-s", "new", "--domain", "example.com", ...elsewhere], {
    CLOUDFLARE_API_TOKEN: "0".repeat(40),
  });
  expect(wrong.stderr).toContain("Cloudflare refuses the API token");
  expect(wrong.stderr).not.toContain("0".repeat(40));
  const none = await project.run(["adopt", "-s", "new", "--domain", "example.com", ...elsewhere], {
    CLOUDFLARE_API_TOKEN: "",
  });
  expect(none.stderr).toContain("no API token is in the environment");
  expect([unknown.code, wrong.code, none.code]).toEqual([1, 1, 1]);
  expect(existsSync(join(project.directory, "Pulumi.new.yaml"))).toBe(false);
});
