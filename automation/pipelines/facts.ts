import { UserError } from "../../common/user-error";
import type { EnvironmentValue } from "../../platform/settings/schema/environment";
import type { PipelineSettings } from "../../platform/settings/schema/pipelines";
import type { Settings } from "../../platform/settings";

/** An image that a pipeline builds and pushes under the name that the stack file gives it. */
export interface ImageBuild {
  /** `<origin>.<service>`. */
  readonly name: string;
  readonly reference: string;
  /** From the folder of Pulumi.yaml. */
  readonly context: string;
  readonly dockerfile: string;
  /** Texts, and names of secrets of the repository. */
  readonly arguments: Readonly<Record<string, BuildValue>>;
  readonly secrets: Readonly<Record<string, BuildValue>>;
  /** Who logs in to the registry; undefined: the job itself, at GitHub's. */
  readonly login: { readonly username: string; readonly passwordSecret: string } | undefined;
  readonly registry: string;
}

export type BuildValue = { readonly text: string } | { readonly secret: string };

/** What starts a deployment. */
export type DeployTrigger =
  | { readonly kind: "branch"; readonly branch: string }
  | { readonly kind: "tag"; readonly pattern: string }
  | { readonly kind: "hand" };

/** What pipelines need to know of one environment. */
export interface PipelineEnvironment {
  readonly name: string;
  readonly trigger: DeployTrigger;
  readonly previewed: boolean;
  readonly drift: string | undefined;
  /** How environments of pull requests are made from it; undefined where none are. */
  readonly pullRequests: PipelineSettings["pullRequests"];
  readonly tests: PipelineSettings["tests"];
  readonly state: PipelineSettings["state"];
  readonly runner: string;
  readonly images: readonly ImageBuild[];
  /** Its first public address. */
  readonly url: string | undefined;
  /** Whether commands here call flyctl. */
  readonly fly: boolean;
  /** Whether there is something that a rollback goes back to. */
  readonly releases: boolean;
  /** Databases with backups, and how often one is to be restored as a test, in days. */
  readonly backups: readonly { readonly database: string; readonly restoreTestDays: number }[];
}

/** A project and where it lies in its repository. */
export interface PipelineProject {
  /** `name` of Pulumi.yaml; names of workflows begin with it. */
  readonly name: string;
  /** The folder of Pulumi.yaml, from the repository's root. `.` is the root. */
  readonly directory: string;
  /** The folder of package.json, from the repository's root. */
  readonly packageDirectory: string;
  /** The folder of Pulumi.yaml, from that of package.json. */
  readonly fromPackage: string;
  readonly environments: readonly PipelineEnvironment[];
}

/** Reads out of an environment's settings what pipelines need. Development is on one machine: it has none. */
export function environmentFacts(settings: Settings): PipelineEnvironment | undefined {
  const { stack, tier, pipelines, release, origins, databases, sites } = settings;
  if (tier === "development" && pipelines.branch === undefined) return undefined;
  const trigger: DeployTrigger =
    pipelines.branch !== undefined
      ? { kind: "branch", branch: pipelines.branch }
      : release === undefined
        ? { kind: "hand" }
        : { kind: "tag", pattern: release.tag.replaceAll("{timestamp}", "*") };
  const [hostname] = [...Object.values(sites), ...Object.values(origins)].flatMap((entry) =>
    "hostnames" in entry ? entry.hostnames : [],
  );
  return {
    name: stack,
    trigger,
    previewed: pipelines.preview,
    drift: pipelines.drift === "never" ? undefined : pipelines.drift.replace(/ 7$/, " 0"),
    pullRequests: pipelines.pullRequests,
    tests: pipelines.tests,
    state: pipelines.state,
    runner: pipelines.runner,
    // What a tag releases has been built already: it is promoted as it runs in the environment before.
    images: trigger.kind === "tag" ? [] : imagesOf(settings),
    url: hostname === undefined ? undefined : `https://${hostname}`,
    fly: Object.values(origins).some((origin) => origin.kind === "external" && origin.platform === "fly"),
    releases: Object.keys(origins).length > 0,
    backups: Object.entries(databases).flatMap(([database, entry]) =>
      entry.kind === "container" && entry.backups !== undefined
        ? [{ database, restoreTestDays: entry.backups.restoreTestDays }]
        : [],
    ),
  };
}

function imagesOf({ origins, stack }: Settings): ImageBuild[] {
  return Object.entries(origins).flatMap(([origin, entry]) => {
    if (!("services" in entry)) return [];
    return Object.entries(entry.services).flatMap(([service, { image, build }]): ImageBuild[] => {
      if (build === undefined || image === undefined || image.includes("@")) return [];
      const registry = registryOf(image);
      const login = entry.registry?.server === registry ? entry.registry : undefined;
      if (registry !== "ghcr.io" && login === undefined) {
        throw new UserError({
          what: `nobody can log in to the registry of ${image}`,
          allowed: "ghcr.io, where the job itself may; another one with groundwork:origins.<name>.registry",
          next: `write groundwork:origins.${origin}.registry into Pulumi.${stack}.yaml, with server: ${registry}`,
        });
      }
      const values = (kind: "arguments" | "secrets") =>
        Object.fromEntries(
          Object.entries(build[kind]).map(([name, value]) => [
            name,
            buildValue(
              value,
              `groundwork:origins.${origin}.services.${service}.build.${kind}.${name}`,
              stack,
            ),
          ]),
        );
      return [
        {
          name: `${origin}.${service}`,
          reference: image,
          context: build.context,
          dockerfile: build.dockerfile,
          arguments: values("arguments"),
          secrets: values("secrets"),
          login: registry === "ghcr.io" ? undefined : login,
          registry,
        },
      ];
    });
  });
}

/** The registry's host by the rule that Docker has for it. */
function registryOf(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : "docker.io";
}

function buildValue(value: EnvironmentValue, at: string, stack: string): BuildValue {
  if (typeof value === "string") return { text: value };
  if ("secret" in value) return { secret: value.secret };
  throw new UserError({
    what: `${at} of ${stack} is not known before the environment is there, and an image is built before that`,
    allowed: "text, or {secret: <name>}: a secret of the repository",
    next: "write it as text, or read it when the service starts: groundwork:origins.<name>.environment",
  });
}
