import type { ProviderDefinition } from "../definition";

/** The provider of `@pulumi/command`. */
export const provider: ProviderDefinition = { name: "command", version: "1.2.1", resources: {} };
