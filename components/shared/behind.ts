import type * as pulumi from "@pulumi/pulumi";

/** What stands in front of host names, such as applications of Access: made before what exposes the name, removed after it. */
export type Behind = Readonly<Record<string, readonly pulumi.Resource[]>>;

/** What must be there before this host name can be reached. An option of a component does not come to its parts. */
export function before(behind: Behind | undefined, hostname: string): readonly pulumi.Resource[] {
  return behind?.[hostname] ?? [];
}
