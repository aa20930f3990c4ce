import { redactionList, resolvePlace, sshServerProblems } from "../../remote/host";
import { testHost } from "../support/remote-host";

const overrides = [
  { host: "203.0.113.10", port: 22, toAddress: "127.0.0.1", toPort: 2222 },
  { host: "2001:db8::10", port: 22, toAddress: "::1", toPort: 2223 },
];

test.each([
  ["203.0.113.10", 22, { address: "127.0.0.1", port: 2222 }],
  ["203.0.113.10", 2200, { address: "203.0.113.10", port: 2200 }],
  ["[2001:db8::10]", 22, { address: "::1", port: 2223 }],
  ["2001:db8::99", 22, { address: "2001:db8::99", port: 22 }],
  ["host.example.com", 22, { address: "host.example.com", port: 22 }],
])("%s port %i is reached at %p", (address, port, place) => {
  expect(resolvePlace(address, port, overrides)).toEqual(place);
});

test("secrets that are taken out of messages: lines, longest first, short ones left alone", () => {
  expect(redactionList(["short", "password-1", "line one\nline two, longer", "password-1"])).toBe(
    "line two, longer\npassword-1\nline one",
  );
});

test("right arguments have no problems", () => {
  expect(sshServerProblems(testHost())).toEqual([]);
});

test.each([
  [{ hostKey: "203.0.113.10 ssh-ed25519 AAAAC3" }, "hostKey"],
  [{ hostKey: "ssh-rsa AAAAB3" }, "hostKey"],
  [{ hostKey: "" }, "hostKey"],
  [{ privateKey: "~/.ssh/id_ed25519" }, "privateKey"],
  [{ user: "-l" }, "user"],
  [{ address: "-oProxyCommand=x" }, "address"],
  [{ address: "deploy@host" }, "address"],
  [{ port: 70_000 }, "port"],
])("%p is refused", (changes, member) => {
  expect(sshServerProblems({ ...testHost(), ...changes }).map(([name]) => name)).toEqual([member]);
});
