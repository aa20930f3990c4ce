/** A zone's lists of records that change, under the real engine at the sandbox's Cloudflare. */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { ZoneBaseline, type ZoneRecord } from "../../components/zone-baseline";
import { hostnameOf, withCloudflareProgram } from "../support/cloudflare-program";

jest.setTimeout(240_000);

const stack = withCloudflareProgram();

const [one, two, three] = ["203.0.113.10", "203.0.113.11", "203.0.113.12"] as const;
const zoneOf = (records: Readonly<Record<string, ZoneRecord["type"]>>) => () =>
  void new ZoneBaseline("zone", {
    zoneId: stack().zoneId,
    zoneName: "example.com",
    records: Object.entries(records).map(([content, type]) => {
      return { name: hostnameOf(pulumi.getStack()), type, content };
    }),
  });
const zone = (...addresses: string[]) =>
  zoneOf(Object.fromEntries(addresses.map((address) => [address, "A"])));
/** What is done to records. */
async function up(name: string, program: () => void): Promise<string[]> {
  return (await stack().up(name, program)).filter((done) => done.includes("-record-"));
}
const records = (name: string) => stack().records(name);

test("records change places and the first is taken out: no other one is touched", async () => {
  await up("lb", zone(one, two, three));
  const before = await records("lb");
  expect(await up("lb", zone(three, one, two))).toEqual([]);
  expect(await up("lb", zone(one, two))).toEqual(["delete zone-record-a-lb.example.com-203-0-113-12"]);
  expect(await up("lb", zone(two))).toEqual(["delete zone-record-a-lb.example.com-203-0-113-10"]);
  expect(await records("lb")).toEqual({ [`A ${two}`]: before[`A ${two}`] });
  expect(await up("lb", zone(one))).toEqual(["update zone-record-a-lb.example.com"]);
  // It gets company before it.
  await up("lb", zone(three, one));
  expect(Object.keys(await records("lb")).sort()).toEqual([`A ${one}`, `A ${three}`]);
});

test("a CNAME takes the place of an address, and addresses that of a CNAME", async () => {
  const target = "status.example.net";
  await up("kind", zone(one));
  const done = await up("kind", zoneOf({ [target]: "CNAME" }));
  expect(done[0]).toBe("delete-replaced zone-record-a-kind.example.com");
  expect(Object.keys(await records("kind"))).toEqual([`CNAME ${target}`]);
  await up("kind", zoneOf({ [one]: "A", [two]: "A", "2001:db8::1": "AAAA" }));
  expect(Object.keys(await records("kind")).sort()).toEqual([
    "A 203.0.113.10",
    "A 203.0.113.11",
    "AAAA 2001:db8::1",
  ]);
});

test("a stack whose first record had the name's key keeps its records", async () => {
  class Before extends pulumi.ComponentResource {
    constructor() {
      super("groundwork:index:ZoneBaseline", "zone");
      for (const [key, content] of Object.entries({ "": one, "-203-0-113-11": two })) {
        new cloudflare.DnsRecord(
          `zone-record-a-${hostnameOf("old")}${key}`,
          { zoneId: stack().zoneId, name: hostnameOf("old"), type: "A", ttl: 1, content, proxied: false },
          { parent: this },
        );
      }
    }
  }
  await stack().up("old", () => void new Before());
  const before = await records("old");
  expect(await up("old", zone(one, two))).toEqual([]);
  expect(await up("old", zone(two))).toHaveLength(1);
  expect(await records("old")).toEqual({ [`A ${two}`]: before[`A ${two}`] });
});
