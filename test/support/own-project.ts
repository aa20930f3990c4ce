import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installProviders, type ProviderName } from "../../sandbox/providers/install";

/** A project for programs of one's own, as `Environment.open` takes it; `end` removes it. */
export interface OwnProject {
  readonly directory: string;
  readonly variables: Readonly<Record<string, string>>;
  end(): void;
}

/** Makes one with a home, a file backend and a passphrase that are nobody else's, and these of the sandbox's providers. */
export async function ownProject(...packages: ProviderName[]): Promise<OwnProject> {
  const directory = mkdtempSync(join(tmpdir(), "gw-own-"));
  const home = join(directory, "home");
  mkdirSync(join(directory, "state"));
  await installProviders({ pulumiHome: home, policy: "always", packages, path: "" });
  writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
  return {
    directory,
    variables: {
      PULUMI_HOME: home,
      PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
    end: () => rmSync(directory, { recursive: true, force: true }),
  };
}
