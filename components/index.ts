/** The components, for one's own Pulumi program. */
export * from "./access-check";
export * from "./access-protected-env";
export * from "./app-origin";
export * from "./database-backups";
export * from "./pages-site";
export * from "./postgres-with-app-user";
export * from "./r2-buckets";
export * from "./scoped-token";
export * from "./secrets-vault";
export * from "./tunnel";
export * from "./zone-baseline";
export type { ExternalReleaseArgs } from "./origin/external-args";
export { RemoteHost } from "../remote/host";
export type { RemoteHostArgs, ResolveOverride } from "../remote/host";
