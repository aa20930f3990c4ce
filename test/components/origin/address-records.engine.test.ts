/** Lists of addresses that change, under the real engine at the sandbox's Cloudflare. */
import { isIPv6 } from "node:net";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { externalRecords, hostRecords } from "../../../components/origin/address-records";
import { hostnameOf, withCloudflareProgram } from "../../support/cloudflare-program";

jest.setTimeout(240_000);

const stack = withCloudflareProgram();

const [one, two, three] = ["203.0.113.10", "203.0.113.11", "203.0.113.12"] as const;

/** An origin without its steps on a host. Each stack has a host name of its own. */
class Origin extends pulumi.ComponentResource {
  constructor(make: (origin: Origin, hostname: string) => void) {
    super("groundwork:index:AppOrigin", "api");
    make(this, hostnameOf(pulumi.getStack()));
  }
}
const onHosts =
  (...publicAddresses: string[]) =>
  () =>
    void new Origin((origin, hostname) =>
      hostRecords(origin, "api", { hostnames: [hostname], publicAddresses, zoneId: stack().zoneId }, []),
    );
const atPlatform = () =>
  void new Origin((origin, hostname) =>
    externalRecords(
      origin,
      "api",
      { hostnames: [hostname], target: "api.fly.dev", zoneId: stack().zoneId },
      [],
    ),
  );
/** As all records were named once: by their place. */
const byPlace =
  (...addresses: string[]) =>
  () =>
    void new Origin((origin, hostname) => {
      const records: pulumi.Resource[] = [];
      for (const [index, content] of addresses.entries()) {
        const type = isIPv6(content) ? "AAAA" : "A";
        records.push(
          new cloudflare.DnsRecord(
            `api-dns-${hostname}${index === 0 ? "" : `-${index + 1}`}`,
            { zoneId: stack().zoneId, name: hostname, type, content, ttl: 1, proxied: true },
            { parent: origin, deleteBeforeReplace: true, dependsOn: records.slice(0, 1) },
          ),
        );
      }
    });
const records = (name: string) => stack().records(name);

test("a host goes out of the middle, the first goes, and they change places: no other record is touched", async () => {
  await stack().up("middle", onHosts(one, two, three));
  const before = await records("middle");
  expect(await stack().up("middle", onHosts(one, three))).toEqual([
    "delete api-dns-middle.example.com-203.0.113.11",
  ]);
  expect(await stack().up("middle", onHosts(three, one))).toEqual([]);
  expect(await records("middle")).toEqual({
    [`A ${one}`]: before[`A ${one}`],
    [`A ${three}`]: before[`A ${three}`],
  });
  const another = "203.0.113.13";
  expect(await stack().up("middle", onHosts(one, another))).toHaveLength(2);
  // The only one that is left, which was a further one.
  const { [`A ${another}`]: id } = await records("middle");
  expect(await stack().up("middle", onHosts(another))).toHaveLength(1);
  expect(await records("middle")).toEqual({ [`A ${another}`]: id });
  expect(await stack().up("middle", onHosts(two))).toEqual(["update api-dns-middle.example.com"]);
  expect(await stack().up("middle", onHosts(three, two))).toHaveLength(2);
  expect(Object.keys(await records("middle")).sort()).toEqual([`A ${two}`, `A ${three}`]);
  await stack().up("middle", () => undefined);
});

test("an origin moves to a platform by its only address, and back to several", async () => {
  await stack().up("kind", onHosts(one, "2001:db8::10"));
  await stack().up("kind", onHosts(one));
  await stack().up("kind", atPlatform);
  expect(Object.keys(await records("kind"))).toEqual(["CNAME api.fly.dev"]);
  await stack().up("kind", onHosts(three, two, one));
  expect(Object.keys(await records("kind")).sort()).toEqual([`A ${one}`, `A ${two}`, `A ${three}`]);
  await stack().up("kind", () => undefined);
});

test("an only address gets another one before it", async () => {
  await stack().up("before", onHosts(one));
  await stack().up("before", onHosts(two, one));
  expect(Object.keys(await records("before")).sort()).toEqual([`A ${one}`, `A ${two}`]);
  expect(await stack().up("before", onHosts(two, one))).toEqual([]);
  await stack().up("before", () => undefined);
});

test.each([[[one]], [[two, one, "2001:db8::10"]]])(
  "a stack whose records were named by their place keeps them: %p",
  async (addresses) => {
    const name = `old-${addresses.length}`;
    await stack().up(name, byPlace(...addresses));
    const before = await records(name);
    expect(await stack().up(name, onHosts(...addresses))).toEqual([]);
    expect(await records(name)).toEqual(before);
    // From then on by their new names.
    expect(await stack().up(name, onHosts(...addresses.slice(-1)))).toHaveLength(addresses.length - 1);
    await stack().up(name, () => undefined);
    expect(await records(name)).toEqual({});
  },
);
