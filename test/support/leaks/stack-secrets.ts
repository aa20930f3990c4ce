import type { Secret } from "./secret";
import { shortest } from "./secret";

/** How the engine marks a secret in an exported state. */
const signature = "4dabf18193072939515e22adb298388d";

interface ExportedResource {
  readonly urn: string;
  readonly id?: string;
}

/**
 * The generated secrets in a state that was exported with `--show-secrets`: passwords, keys and tokens, each once. Left
 * out are what a step was given and has said (it holds those and more), addresses, public keys, and what is a resource's
 * id as well, such as the seed of salts.
 */
export function stackSecrets(exported: string): Secret[] {
  const { deployment } = JSON.parse(exported) as {
    deployment: { resources: readonly ExportedResource[] };
  };
  const ids = new Set(deployment.resources.map(({ id }) => id));
  const found = new Map<string, Secret>();
  // From the end: the stack's outputs, which come first, are named after the resource that they come from.
  for (const resource of [...deployment.resources].reverse()) {
    const name = resource.urn.split("::").at(-1) ?? "";
    collect(resource, [name], (path, text) => {
      if (text.length < shortest || ids.has(text) || isNoSecret(path, text)) return;
      found.set(text, found.get(text) ?? { name: path.join("."), text });
    });
  }
  return [...found.values()];
}

function isNoSecret(path: readonly string[], text: string): boolean {
  return (
    ["stdin", "stdout", "stderr", "hostKey"].includes(path.at(-1) ?? "") ||
    path[0]?.endsWith("-salt") === true ||
    /^(https?|postgresql):\/\//.test(text)
  );
}

type Visit = (path: readonly string[], text: string) => void;

/** Calls `visit` for every text that is a secret, or in one. */
function collect(value: unknown, path: readonly string[], visit: Visit, secret = false): void {
  if (typeof value === "string") {
    if (secret) visit(path, value);
  } else if (typeof value === "object" && value !== null) {
    const { plaintext } = value as { plaintext?: string };
    if (signature in value && plaintext !== undefined) {
      collect(JSON.parse(plaintext), path, visit, true);
    } else {
      for (const [key, member] of Object.entries(value)) {
        const next = key === "inputs" || key === "outputs" ? path : [...path, key];
        collect(member, next, visit, secret);
      }
    }
  }
}
