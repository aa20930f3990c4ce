import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { type ComposeSummary, serviceOf } from "./compose-files";
import type { DeployedArgs } from "./overrides";

/** An image that a release is made of. */
export interface ReleaseImage {
  /** As it is written: a tag that may move. Undefined where nothing is written. */
  readonly written: string | undefined;
  /** What the host runs: with its digest where the registry was asked. */
  readonly reference: string | undefined;
}

/**
 * The image of each service of the release: the origin's, else the compose file's. With `pull: always` the registry is asked
 * which digest a tag has, so that a preview sees a tag that moved.
 *
 * @param variables what `${…}` in the compose file stands for
 */
export function releaseImages(
  origin: pulumi.ComponentResource,
  name: string,
  args: DeployedArgs,
  summary: ComposeSummary,
  variables: pulumi.Output<Readonly<Record<string, string>>>,
): Record<string, pulumi.Output<ReleaseImage>> {
  const ask = args.pull === "always" ? registry(origin, name, args) : undefined;
  const images = Object.entries(args.services).map(([service, spec]) => {
    const inFile = serviceOf(summary, service).image;
    const written: pulumi.Output<string | undefined> =
      spec.image !== undefined
        ? pulumi.output(spec.image)
        : typeof inFile === "string"
          ? inFile.includes("$")
            ? variables.apply((values) => interpolated(inFile, values))
            : pulumi.output(inFile)
          : pulumi.output(undefined);
    const reference = ask === undefined ? written : digestOf(written, ask);
    return [
      service,
      pulumi.all([written, reference]).apply(([text, used]) => ({ written: text, reference: used })),
    ] as const;
  });
  return Object.fromEntries(images);
}

/**
 * The same as they may be shown. Where the compose file's text has variables, which may be secret, it is that text, with the
 * digest that the registry has told.
 */
export function shownImages(
  args: DeployedArgs,
  summary: ComposeSummary,
  images: Readonly<Record<string, pulumi.Output<ReleaseImage>>>,
): Record<string, pulumi.Output<string | undefined>> {
  return Object.fromEntries(
    Object.entries(images).map(([service, image]) => {
      const { image: inFile } = serviceOf(summary, service);
      const reference = image.apply((known) => known.reference);
      if (args.services[service]?.image !== undefined || typeof inFile !== "string" || !inFile.includes("$"))
        return [service, reference];
      const digest = pulumi
        .unsecret(reference)
        .apply((text) => /@sha256:[0-9a-f]{64}$/.exec(text ?? "")?.[0] ?? "");
      return [service, pulumi.interpolate`${inFile}${digest}`];
    }),
  );
}

/** Where digests are asked for: with the logins that the host gets, and without a Docker daemon here. */
function registry(
  origin: pulumi.ComponentResource,
  name: string,
  args: DeployedArgs,
): pulumi.InvokeOutputOptions {
  const provider = new docker.Provider(
    `${name}-registry`,
    {
      disableDockerDaemonCheck: true,
      registryAuth: (args.registries ?? []).map(({ server, username, password }) => ({
        address: server,
        username,
        password: pulumi.secret(password),
      })),
    },
    { parent: origin },
  );
  return { parent: origin, provider };
}

function digestOf(
  written: pulumi.Output<string | undefined>,
  options: pulumi.InvokeOutputOptions,
): pulumi.Output<string | undefined> {
  return written.apply((image) => {
    if (image === undefined || image.includes("@")) return pulumi.output(image);
    return docker
      .getRegistryImageOutput({ name: image }, options)
      .apply(({ sha256Digest }): string | undefined => `${image}@${sha256Digest}`);
  });
}

/**
 * A text of a compose file with its variables filled in, in the forms that images are written in: `$A`, `${A}`, `${A:-b}`,
 * `${A-b}`. Undefined where there is another form, which Compose reads by itself.
 */
export function interpolated(text: string, values: Readonly<Record<string, string>>): string | undefined {
  let unknown = false;
  const result = text.replace(
    /\$\$|\$\{([A-Za-z_]\w*)(?:(:?-)([^${}]*))?\}|\$([A-Za-z_]\w*)|\$/g,
    (whole, braced?: string, operator?: string, fallback?: string, bare?: string) => {
      if (whole === "$$") return "$";
      const variable = braced ?? bare;
      if (variable === undefined) {
        unknown = true;
        return whole;
      }
      const value = values[variable];
      if (operator === undefined) return value ?? "";
      return value === undefined || (operator === ":-" && value === "") ? (fallback ?? "") : value;
    },
  );
  return unknown || result === "" ? undefined : result;
}
