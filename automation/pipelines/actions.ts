/** Every action that a generated workflow uses, by the full digest of a commit: a tag can be moved, a commit cannot. */
const pinned = {
  "actions/checkout": { commit: "3d3c42e5aac5ba805825da76410c181273ba90b1", version: "v7.0.1" },
  "actions/setup-node": { commit: "820762786026740c76f36085b0efc47a31fe5020", version: "v7.0.0" },
  "actions/cache": { commit: "27d5ce7f107fe9357f9df03efb73ab90386fccae", version: "v5.0.5" },
  "aws-actions/configure-aws-credentials": {
    commit: "e6de054238d6b7531b4efff3b6587d9aade6a06c",
    version: "v6.2.3",
  },
  "pulumi/auth-actions": { commit: "141415910c3beb54e03b48e9057c204c97b956f2", version: "v2.1.0" },
  "superfly/flyctl-actions/setup-flyctl": {
    commit: "ed8efb33836e8b2096c7fd3ba1c8afe303ebbff1",
    version: "1.6",
  },
} as const satisfies Readonly<Record<string, { readonly commit: string; readonly version: string }>>;

export type ActionName = keyof typeof pinned;

/** What stands after `uses:`, and the version that is written behind it as a comment. */
export function pinnedAction(name: ActionName): { readonly uses: string; readonly version: string } {
  const { commit, version } = pinned[name];
  return { uses: `${name}@${commit}`, version };
}

/** The version of what stands after `uses:`; undefined where it is none of the table's. */
export function versionOf(uses: string): string | undefined {
  const [name, commit] = uses.split("@");
  const entry = Object.entries(pinned).find(([known]) => known === name)?.[1];
  return entry?.commit === commit ? entry?.version : undefined;
}
