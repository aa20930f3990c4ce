import * as pulumi from "@pulumi/pulumi";
import { addressNames } from "../../../components/origin/address-names";

const [one, two, three] = ["203.0.113.10", "2001:db8::10", "203.0.113.12"];
const named = (...addresses: string[]) =>
  addressNames("dns", addresses).map(({ name, aliases }) => [name, ...aliases]);

test("each of several addresses is named by itself, and known by its place, as all were named once", () => {
  expect(named(one, two, three)).toEqual([
    ["dns-203.0.113.10", "dns"],
    ["dns-2001-db8--10", "dns-2"],
    ["dns-203.0.113.12", "dns-3"],
  ]);
  expect(named(one, three)[1]?.[0]).toBe("dns-203.0.113.12");
});

test("an only address has the name alone, and is known by its own, which it had among several", () => {
  expect(named(three)).toEqual([["dns", "dns-203.0.113.12"]]);
});

test("addresses that are known only later are named by place", () => {
  const names = addressNames("dns", [one, pulumi.output(two)]);
  expect(names.map(({ name, aliases }) => [name, aliases])).toEqual([
    ["dns", []],
    ["dns-2", []],
  ]);
});
