import { z } from "zod";
import { checked, field } from "./field";
import { addressOrHostname, entryName, hostKey, port, secretName } from "./values";

export const host = field(
  z.strictObject({
    address: addressOrHostname(
      "Where the machine is: an address or a host name. Proxied records of origins on it point to this address, " +
        "unless the origin has an `address` of its own.",
      ["203.0.113.10", "2001:db8::10"],
    ),
    port: port("The SSH server's port.", [22]).default(22),
    user: field(
      checked(z.string(), (value) =>
        /^[a-z_][a-z0-9_.-]{0,31}$/.test(value)
          ? undefined
          : {
              what: "this is not a user name on the host",
              allowed: "lower-case letters, digits, `_`, `-` and `.`",
            },
      ),
      {
        description: "Who logs in; may run `docker` without a password.",
        examples: ["deploy"],
        allowed: "lower-case letters, digits, `_`, `-` and `.`",
      },
    ).default("root"),
    hostKey,
    privateKeySecret: secretName(
      "The entry of groundwork:secrets that holds the private key (the text of the file).",
    ).default("SSH_PRIVATE_KEY"),
    jump: field(entryName, {
      description:
        "Another entry of groundwork:hosts, over which the connection goes. Default: a direct connection.",
      examples: ["bastion"],
    }).optional(),
    dockerPrefix: field(
      checked(z.string(), (value) =>
        /^[A-Za-z0-9_./=-]+( [A-Za-z0-9_./=-]+)*$/.test(value)
          ? undefined
          : { what: "this cannot stand before `docker`", allowed: "plain words such as `sudo -n`" },
      ),
      {
        description: "What stands before `docker` on the host. Default: nothing.",
        examples: ["sudo -n"],
        allowed: "plain words such as `sudo -n`",
      },
    ).optional(),
    installDocker: field(z.boolean(), {
      description:
        "May a deployment install Docker and its compose plug-in by the host's package manager where they are missing or " +
        "too old? Needs root, or sudo without a password. Otherwise it stops and says what to install.",
    }).default(false),
  }),
  { description: "A machine that is reached by SSH and runs Docker Compose." },
);

export type HostSettings = z.output<typeof host>;
