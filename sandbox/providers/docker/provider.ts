import type { ProviderDefinition } from "../definition";

/** The provider of `@pulumi/docker`. */
export const provider: ProviderDefinition = { name: "docker", version: "5.2.0", resources: {} };
