import type { PostgresClients } from "../../engine/postgres-clients";

/** An image that the sandbox makes from local files, for the names that a compose file asks for. */
export interface SandboxImage {
  /**
   * References it answers to, without tag and digest; `*` stands for any text.
   *
   * @example ["ghcr.io/nxy7/streampai-elixir", "postgres", "*timescaledb*"]
   */
  readonly names: readonly string[];
  /** What it is made of: the node binary and an application's files, PostgreSQL's binaries, or Caddy: see caddy.ts. */
  readonly kind: "node-app" | "postgres" | "caddy";
  /** postgres: programs for dumps, beside the server's. Default: none. */
  readonly clients?: PostgresClients;
  /** caddy: the binary, statically linked. */
  readonly program?: string;
  /** node-app: a folder whose content becomes the working folder's. */
  readonly directory?: string;
  /**
   * node-app: further files of the working folder, each bundled from a TypeScript or JavaScript source.
   *
   * @example { "server.js": "/…/api/server.ts" }
   */
  readonly bundles?: Readonly<Record<string, string>>;
  /** node-app: further files or folders of the working folder, copied. caddy: files by their whole path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Default: `["node", "server.js"]` of a node-app, the server of postgres. */
  readonly command?: readonly string[];
  /** Runs before the command, whatever that is. Default: nothing. */
  readonly entrypoint?: readonly string[];
  /**
   * node-app: programs on the PATH, each a file of the working folder that Node.js runs.
   *
   * @example { cloudflared: "cloudflared.js" }
   */
  readonly programs?: Readonly<Record<string, string>>;
  /** Folders of this machine that every container of the image sees: place in the container -> folder. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** What is said where it runs. Default: that it is made from local files. */
  readonly notice?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Variables that stand over those of the compose file. */
  readonly imposed?: Readonly<Record<string, string>>;
  /** Where the application lies in the container. Default: `/app`. */
  readonly workingDirectory?: string;
  /**
   * Stands in for every image that nobody knows and that cannot be pulled: see images/stand-in.ts. Default: the first
   * node-app of the list runs instead, as the application that it is.
   */
  readonly standIn?: boolean;
}

/** Which image runs for a reference of a compose file. */
export interface ImageChoice {
  readonly image: SandboxImage;
  /** False where the image stands in for one that it has nothing to do with. */
  readonly exact: boolean;
}

/** The name of a reference without registry default, tag and digest: `docker.io/library/postgres:16` -> `postgres`. */
export function imageName(reference: string): string {
  const withoutDigest = reference.split("@")[0] ?? reference;
  const slash = withoutDigest.lastIndexOf("/");
  const colon = withoutDigest.indexOf(":", slash + 1);
  const name = colon === -1 ? withoutDigest : withoutDigest.slice(0, colon);
  return name.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "");
}

function matches(pattern: string, name: string): boolean {
  const source = pattern
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${source}$`).test(name);
}

/** The image made for a reference, if there is one. */
export function knownImage(reference: string, images: readonly SandboxImage[]): SandboxImage | undefined {
  const name = imageName(reference);
  return images.find((image) => image.names.some((pattern) => matches(pattern, name)));
}

/** The image that runs for a reference: the one made for it, else the stand-in, else none. */
export function chooseImage(reference: string, images: readonly SandboxImage[]): ImageChoice | undefined {
  const known = knownImage(reference, images);
  if (known !== undefined) return { image: known, exact: true };
  const standIn =
    images.find((image) => image.standIn === true) ?? images.find((image) => image.kind === "node-app");
  return standIn && { image: standIn, exact: false };
}

/** What is said, each time, where an image is not the one that the file names. */
export function substitutionNotice(reference: string, { image, exact }: ImageChoice): string {
  if (!exact && image.standIn === true)
    return `sandbox: image ${reference} is not to be had here; a stand-in answers in its place, its commands are not run`;
  if (!exact) {
    const made = image.names[0] ?? image.kind;
    return `sandbox: image ${reference} is not to be had here; the sample image (${made}) stands in for it`;
  }
  if (image.notice !== undefined) return `sandbox: image ${reference}: ${image.notice}`;
  return `sandbox: image ${reference} is made from local files (${image.kind})`;
}
