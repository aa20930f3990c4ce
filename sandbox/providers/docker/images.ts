import type { ResourceDefinition } from "../definition";
import type { Values } from "../values";
import { type DockerApi, DockerError } from "./api";
import { parseReference } from "./reference";
import { registryDigest, type RegistryLogin } from "./registry";
import type { DockerConfig } from "./settings";

interface Inspection {
  readonly Id: string;
  readonly RepoDigests: string[] | null;
}

async function inspect(api: DockerApi, name: string): Promise<Inspection | undefined> {
  return (await api.find(`/images/${encodeURIComponent(name)}/json`)) as Inspection | undefined;
}

function outputsOf(found: Inspection): Values {
  return { imageId: found.Id, repoDigest: found.RepoDigests?.[0] ?? "" };
}

/** What the daemon says along a pull or push: an error stands in the middle of a success. */
function refuseErrors(answer: unknown): void {
  const lines = (Array.isArray(answer) ? answer : [answer]) as ({ error?: string } | undefined)[];
  const failed = lines.find((line) => line?.error !== undefined);
  if (failed !== undefined) throw new Error(failed.error);
}

function authorization(image: string, logins: readonly RegistryLogin[]): Record<string, string> {
  const { registry } = parseReference(image);
  const login = logins.find(({ address }) => address.replace(/^https?:\/\//, "").startsWith(registry));
  if (login === undefined) return {};
  const { username, password, address } = login;
  const document = JSON.stringify({ username, password, serveraddress: address });
  return { "X-Registry-Auth": Buffer.from(document).toString("base64url") };
}

async function pull(
  { api, logins }: DockerConfig,
  name: string,
  platform: string | undefined,
): Promise<void> {
  const query = new URLSearchParams({ fromImage: name, ...(platform === undefined ? {} : { platform }) });
  // Without a tag Docker would pull every one there is.
  if (!name.includes("@") && !/:[^/]+$/.test(name)) query.set("tag", "latest");
  refuseErrors(
    await api.call("POST", `/images/create?${query.toString()}`, undefined, authorization(name, logins)),
  );
}

export const remoteImage: ResourceDefinition<DockerConfig> = {
  inputs: {
    name: { required: true, replace: true },
    platform: { replace: true },
    pullTriggers: { replace: true },
    triggers: { replace: true },
    keepLocally: {},
    forceRemove: {},
  },
  computed: ["imageId", "repoDigest"],
  async create({ inputs, config }) {
    const name = inputs["name"] as string;
    const isForced = inputs["pullTriggers"] !== undefined;
    if (isForced || (await inspect(config.api, name)) === undefined) {
      await pull(config, name, inputs["platform"] as string | undefined);
    }
    const found = await inspect(config.api, name);
    if (found === undefined) throw new Error(`unable to find or pull the image ${name}`);
    return { id: `${found.Id}${name}`, outputs: outputsOf(found) };
  },
  async read({ isImport, config, oldOutputs }) {
    if (isImport) throw new Error("docker:index/remoteImage:RemoteImage cannot be imported");
    const found = await inspect(config.api, oldOutputs["name"] as string);
    return found === undefined ? undefined : { outputs: { ...oldOutputs, ...outputsOf(found) } };
  },
  update: () => Promise.resolve({}),
  async delete({ oldInputs, config: { api } }) {
    if (oldInputs["keepLocally"] === true) return;
    const path = `/images/${encodeURIComponent(oldInputs["name"] as string)}`;
    try {
      await api.call("DELETE", `${path}?force=${oldInputs["forceRemove"] === true}`);
    } catch (error) {
      if (!(error instanceof DockerError && error.status === 404)) throw error;
    }
  },
};

export const registryImage: ResourceDefinition<DockerConfig> = {
  inputs: {
    name: { required: true, replace: true },
    triggers: { replace: true },
    keepRemotely: {},
    insecureSkipVerify: {},
  },
  computed: ["sha256Digest"],
  check: ({ news }) => ({
    failures:
      news["keepRemotely"] === true
        ? []
        : [
            {
              property: "keepRemotely",
              reason: "has to be true: the sandbox's provider deletes nothing in a registry",
            },
          ],
  }),
  async create({ inputs, config }) {
    const name = inputs["name"] as string;
    const { tag } = parseReference(name);
    const repository = name.replace(/:[^:/]+$/, "");
    const path = `/images/${encodeURIComponent(repository)}/push?tag=${encodeURIComponent(tag)}`;
    // The daemon wants the header even where nobody has to log in.
    const headers = { "X-Registry-Auth": "e30=", ...authorization(name, config.logins) };
    refuseErrors(await config.api.call("POST", path, undefined, headers));
    const digest = await digestOf(inputs, config);
    return { id: digest, outputs: { sha256Digest: digest } };
  },
  async read({ isImport, oldInputs, oldOutputs, config }) {
    if (isImport) throw new Error("docker:index/registryImage:RegistryImage cannot be imported");
    const sha256Digest = await digestOf(oldInputs, config).catch(() => undefined);
    return sha256Digest === undefined ? undefined : { outputs: { ...oldOutputs, sha256Digest } };
  },
  update: () => Promise.resolve({}),
};

export function digestOf(inputs: Values, { logins }: DockerConfig): Promise<string> {
  return registryDigest(inputs["name"] as string, {
    logins,
    insecureSkipVerify: inputs["insecureSkipVerify"] === true,
  });
}
