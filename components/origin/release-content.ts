import * as pulumi from "@pulumi/pulumi";
import { redactionList } from "../../remote/host";
import type { VaultReference } from "../secrets-vault";
import { isPlain } from "../shared/validation";
import { colourFile, edgeNetwork } from "./colour-file";
import {
  type ComposeSummary,
  type HostFile,
  overrideFile,
  readFurtherFiles,
  sentAsTheyAre,
} from "./compose-files";
import { envFile } from "./env-file";
import { hashOf } from "./hash";
import { type DeployedArgs, serviceOverrides, usesEdge } from "./overrides";
import { rollingServices } from "./proxy";
import { type ReleaseImage, releaseImages, shownImages } from "./release-images";
import { swarmOverrides } from "./swarm-files";
import { vaultedValues, vaultFile, withReferences } from "./vaulted";

/** What goes to the host, and what tells one release from another. */
export interface ReleaseContent {
  /** Files of the project: nothing in them changes with an image. */
  readonly files: pulumi.Output<HostFile[]>;
  /** Changes with anything that a release is made of; not secret. */
  readonly release: pulumi.Output<string>;
  /** References by service; a service whose image only Compose itself can tell is not among them. */
  readonly images: pulumi.Output<Record<string, string>>;
  /** Kept with the release on the host, but for the schema. */
  readonly record: pulumi.Output<object>;
  /** Changes with what the database's container is made of. */
  readonly databaseHash: pulumi.Output<string>;
  /** Changes with what migrations are made of. */
  readonly migrationHash: pulumi.Output<string>;
  /** The image of each service as it may be shown. */
  readonly shownImages: Readonly<Record<string, pulumi.Output<string | undefined>>>;
}

type Variables = Readonly<Record<string, pulumi.Input<string>>>;

/** What the values of a deployment came to. */
interface Known {
  readonly app: Readonly<Record<string, string>>;
  readonly database: Readonly<Record<string, string>>;
  readonly compose: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly migrator: Readonly<Record<string, string>>;
  readonly tunnelToken: string | undefined;
}

/** The user's file, ours laid over it, the variables, and the images. All but the release's name is secret. */
export function releaseContent(
  origin: pulumi.ComponentResource,
  name: string,
  args: DeployedArgs,
  compose: { readonly text: string; readonly summary: ComposeSummary },
  certificate: pulumi.Output<string> | undefined,
): ReleaseContent {
  const further = readFurtherFiles(args.composeFile, args.files ?? []).files;
  const project = args.project ?? name;
  const { environment = {}, secrets = {}, composeEnvironment = {}, databases = [] } = args;
  const application = pulumi.secret(pulumi.all({ ...environment, ...secrets }));
  const databaseVariables = pulumi.secret(
    pulumi.all(Object.assign({}, ...databases.map((database) => database.composeEnvironment)) as Variables),
  );
  const ofCompose = pulumi.all([application, databaseVariables, pulumi.all(composeEnvironment)] as const);
  const images = releaseImages(
    origin,
    name,
    args,
    compose.summary,
    ofCompose.apply(([app, database, file]) => ({ ...file, ...app, ...database })),
  );
  const ofServices = pulumi.all(
    Object.fromEntries(
      Object.entries(args.services).map(([service, spec]) => [service, pulumi.all(spec.environment ?? {})]),
    ),
  );
  const token = args.kind === "tunnel" ? pulumi.secret(args.tunnel.token) : undefined;
  const { vault } = args;
  const stored = vault?.store(
    name,
    pulumi.secret(
      pulumi
        .all([ofCompose, ofServices, pulumi.output(token)])
        .apply(([[app, database, file], own, tunnelToken]) => {
          const values: Known = { app, database, compose: file, own, tunnelToken, migrator: {} };
          return vaultedValues(hiddenValues(args, values)).values;
        }),
    ),
    { parent: origin },
  );
  const everything = pulumi.secret(
    pulumi
      .all([
        ofCompose,
        pulumi.all([pulumi.all(images), ofServices] as const),
        pulumi.all([pulumi.output(token), pulumi.output(certificate), pulumi.output(args.release)] as const),
        pulumi.all([pulumi.all(args.migrations?.environment ?? {}), pulumi.output(stored)] as const),
      ])
      .apply(([[app, database, file], [image, own], [tunnelToken, pem, marker], [migrator, place]]) => {
        const values: Known = { app, database, compose: file, own, tunnelToken, migrator };
        const files = projectFiles(project, args, compose, further, values, image, pem, place);
        return { files, ...identities(project, args, compose.text, values, image, files, marker) };
      }),
  );
  return {
    files: everything.apply(({ files }) => files),
    // Part of a hash over all variables together tells nothing about any one of them.
    release: pulumi.unsecret(everything.apply(({ release }) => release)),
    images: everything.apply(({ references }) => references),
    record: everything.apply(({ record }) => record),
    databaseHash: everything.apply((each) => each.database),
    migrationHash: everything.apply((each) => each.migration),
    shownImages: shownImages(args, compose.summary, images),
  };
}

function projectFiles(
  project: string,
  args: DeployedArgs,
  compose: { readonly text: string; readonly summary: ComposeSummary },
  further: readonly HostFile[],
  values: Known,
  images: Readonly<Record<string, ReleaseImage>>,
  certificate: string | undefined,
  vault: VaultReference | undefined,
): HostFile[] {
  // With a vault, what is hidden stands in no file: Compose fills it in from memory.
  const {
    app,
    database,
    compose: composeValues,
    own,
    tunnelToken,
  } = vault === undefined ? values : withoutHidden(args, values);
  const shown = vault === undefined ? app : onlyPlain(args.environment, app);
  const rolling = rollingServices(args).map(({ service }) => service);
  const image = Object.fromEntries(
    Object.entries(images).map(([service, { written }]) => [service, written]),
  );
  const overrides = serviceOverrides(args, compose.summary, { app, image, own, tunnelToken, certificate });
  const inSwarm = args.kind === "compose" && args.swarm !== undefined;
  const swarm = inSwarm
    ? swarmOverrides({
        project,
        composeText: compose.text,
        files: further,
        services: args.services,
        overrides,
      })
    : undefined;
  return [
    // Read by every later step when it fails: no secret may be in what it prints.
    {
      path: ".redact",
      content: redactionList(vault === undefined ? secretValues(args, values) : []),
      mode: "0600",
    },
    ...sentAsTheyAre(compose.text, further),
    {
      path: "compose.override.json",
      content:
        swarm?.base ??
        withReferences(overrideFile(overrides, usesEdge(overrides) ? edgeNetwork(project) : {})),
      mode: "0600",
    },
    ...(swarm === undefined
      ? []
      : [{ path: "compose.swarm.yaml", content: swarm.stack, mode: "0600" as const }]),
    ...(rolling.length === 0 || inSwarm
      ? []
      : [
          {
            path: "compose.colour.yaml",
            content: colourFile(project, compose.summary, rolling),
            mode: "0600" as const,
          },
        ]),
    { path: ".env", content: envFile({ ...composeValues, ...shown, ...database }), mode: "0600" },
    { path: "release.env", content: envFile(shown), mode: "0600" },
    ...(vault === undefined ? [] : [{ path: ".vault", content: vaultFile(vault), mode: "0600" as const }]),
  ];
}

function identities(
  project: string,
  args: DeployedArgs,
  composeText: string,
  values: Known,
  images: Readonly<Record<string, ReleaseImage>>,
  files: readonly HostFile[],
  marker: string | undefined,
) {
  const references = Object.fromEntries(
    Object.entries(images).flatMap(([service, { reference }]) =>
      reference === undefined ? [] : [[service, reference] as const],
    ),
  );
  const { migrations } = args;
  const places = rollingServices(args).map(({ service, port }) => [service, port]);
  return {
    references,
    release: hashOf([files, references, marker, ...(places.length === 0 ? [] : [places])]),
    database: hashOf([composeText, values.database]),
    migration: hashOf([
      composeText,
      migrations && references[migrations.service],
      migrations?.command,
      values.migrator,
      marker,
    ]),
    record: {
      tags: Object.fromEntries(
        Object.entries(images).flatMap(([service, { written }]) =>
          written === undefined ? [] : [[service, written]],
        ),
      ),
      config: hashOf(files),
      secrets: secretVersions(project, args, values),
      breaking: migrations?.breaking ?? false,
      ...(marker === undefined ? {} : { marker }),
    },
  };
}

/**
 * Tells one value of a secret from the next, and nothing else: so few bits that a guess cannot be checked against them.
 */
function secretVersions(project: string, args: DeployedArgs, { app }: Known): Record<string, string> {
  const hidden = Object.keys(app).filter((variable) => {
    const plain = args.environment?.[variable];
    return plain === undefined || !isPlain(plain);
  });
  return Object.fromEntries(
    hidden.sort().map((variable) => [variable, hashOf([project, variable, app[variable]]).slice(0, 4)]),
  );
}

/** Variables that stand in the program as they are, or those that do not. */
function onlyPlain(inputs: Variables | undefined, known: Readonly<Record<string, string>>, plain = true) {
  return Object.fromEntries(
    Object.entries(known).filter(([name]) => {
      const input = inputs?.[name];
      return (input !== undefined && isPlain(input)) === plain;
    }),
  );
}

/** What a vault holds of a deployment: whatever may not be shown, but for what only the migrations get. */
function hiddenValues(args: DeployedArgs, { app, compose, database, own, tunnelToken }: Known) {
  const plain = onlyPlain(args.environment, app);
  return {
    app: onlyPlain(args.environment, app, false),
    // Where the application has the name as well, its value counts, as it does in one file.
    compose: Object.fromEntries(Object.entries(compose).filter(([name]) => !(name in plain))),
    database,
    own: mapServices(own, (service, known) => onlyPlain(args.services[service]?.environment, known, false)),
    tunnelToken,
  };
}

/** The values with a reference in the place of each that a vault holds. */
function withoutHidden(args: DeployedArgs, values: Known) {
  const held = vaultedValues(hiddenValues(args, values));
  return {
    app: { ...values.app, ...held.app },
    compose: {},
    database: {},
    own: mapServices(values.own, (service, known) => ({ ...known, ...held.own[service] })),
    tunnelToken: held.tunnelToken,
  };
}

function mapServices<T>(
  own: Known["own"],
  change: (service: string, known: Readonly<Record<string, string>>) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(own).map(([service, known]) => [service, change(service, known)]));
}

/** Values that must not be shown: whatever is secret by its place, or was not written down in the program. */
function secretValues(args: DeployedArgs, values: Known): string[] {
  const hidden = (inputs: Variables | undefined, known: Readonly<Record<string, string>> = {}) =>
    Object.entries(known).flatMap(([name, value]) => {
      const input = inputs?.[name];
      return input === undefined || !isPlain(input) ? [value] : [];
    });
  return [
    ...hidden(args.environment, values.app),
    ...Object.entries(args.services).flatMap(([service, spec]) =>
      hidden(spec.environment, values.own[service]),
    ),
    ...hidden(args.migrations?.environment, values.migrator),
    ...Object.values(values.compose),
    ...Object.values(values.database),
    ...(values.tunnelToken === undefined ? [] : [values.tunnelToken]),
  ];
}
