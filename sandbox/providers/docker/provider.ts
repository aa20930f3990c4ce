import type { ProviderDefinition } from "../definition";
import { container } from "./container";
import { digestOf, registryImage, remoteImage } from "./images";
import { network, volume } from "./network-volume";
import { type DockerConfig, readSettings } from "./settings";

/**
 * The provider of `@pulumi/docker`, over the Docker Engine API. Only what a small host needs: other types, and inputs
 * that are not in the tables, are refused by name.
 */
export const provider: ProviderDefinition<DockerConfig> = {
  name: "docker",
  version: "5.2.0",
  config: { host: {}, sshOpts: {}, registryAuth: {}, disableDockerDaemonCheck: {} },
  configure: readSettings,
  resources: {
    "docker:index/remoteImage:RemoteImage": remoteImage,
    "docker:index/registryImage:RegistryImage": registryImage,
    "docker:index/container:Container": container,
    "docker:index/network:Network": network,
    "docker:index/volume:Volume": volume,
  },
  invokes: {
    async "docker:index/getRegistryImage:getRegistryImage"(args, { config }) {
      const sha256Digest = await digestOf(args, config);
      return { ...args, id: sha256Digest, sha256Digest };
    },
  },
};
