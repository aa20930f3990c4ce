/** The gRPC service of a provider, as the engine speaks to it, over {@link Operations}. */
import { type handleUnaryCall, Metadata, status } from "@grpc/grpc-js";
import proto from "@pulumi/pulumi/proto/provider_pb";
import plugin from "@pulumi/pulumi/proto/plugin_pb";
import statusProto from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type CheckFailure, type DiffResult, PartialFailure, type ProviderDefinition } from "./definition";
import { EngineLog } from "./engine-log";
import { type Context, Operations } from "./operations";
import { schemaOf } from "./schema";
import { containsSecret, copySecrets, fromWire, toWire, type Value, type Values } from "./values";

/** One provider for one user of it in the engine: what it was configured with, and where its messages go. */
export class Session {
  readonly operations: Operations;
  readonly log: EngineLog;
  readonly cancelled = new AbortController();

  /** @param engine the engine's address, `127.0.0.1:port` */
  constructor(definition: ProviderDefinition<never>, engine: string | undefined) {
    this.operations = new Operations(definition);
    this.log = new EngineLog(engine);
  }
}

/** Whose session a call is of. */
export interface Sessions {
  current(): Session;
  /** The engine says where it is; the first that it says on a connection to a provider it has not started itself. */
  attach(engine: string): void;
}

// The generated classes know nothing of each method's types here: `method` below casts once for all.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Handler = handleUnaryCall<any, any>;

/** The service's methods. What is not here is answered "unimplemented" by gRPC itself. */
export function handlers(sessions: Sessions): Record<string, Handler> {
  const general = (urn = "") => {
    const { operations, cancelled, log } = sessions.current();
    return {
      config: operations.config,
      signal: cancelled.signal,
      timeoutSeconds: 0,
      secretInputs: new Set<string>(),
      log: (severity, message, options) => log.send(severity, message, urn, options?.ephemeral ?? false),
    } satisfies Partial<Context>;
  };
  const context = (
    request: { getUrn(): string; getTimeout?: () => number },
    inputs: Struct | undefined,
  ): Context => {
    const urn = request.getUrn();
    const secretInputs = Object.entries(received(inputs)).filter(([, value]) => containsSecret(value));
    return {
      ...general(urn),
      ...partsOfUrn(urn),
      urn,
      timeoutSeconds: request.getTimeout?.() ?? 0,
      secretInputs: new Set(secretInputs.map(([name]) => name)),
    };
  };
  /** One method: messages reach the engine before the answer does, as it drops those of a resource that is done. */
  const method =
    <Request, Response>(
      run: (request: Request, operations: Operations) => Response | Promise<Response>,
    ): Handler =>
    (call, callback) => {
      const answer = async (): Promise<Response> => {
        const { operations, log } = sessions.current();
        try {
          return await run((call as unknown as { request: Request }).request, operations);
        } finally {
          await log.flushed();
        }
      };
      answer().then(
        (response) => callback(null, response),
        (error: unknown) => callback(grpcError(error)),
      );
    };

  return {
    getPluginInfo: method((_, { provider }) => new plugin.PluginInfo().setVersion(provider.version)),
    getSchema: method((_, { provider }) => new proto.GetSchemaResponse().setSchema(schemaOf(provider))),
    attach: (call, callback) => {
      sessions.attach((call as unknown as { request: plugin.PluginAttach }).request.getAddress());
      callback(null, new Empty());
    },
    cancel: method(() => {
      sessions.current().cancelled.abort(new Error("cancelled"));
      return new Empty();
    }),

    checkConfig: method((request: proto.CheckRequest, operations) => {
      const { inputs, failures } = operations.checkConfig(settingsOf(values(request.getNews())));
      // What was given goes back as it came, secrets and JSON in strings included; only defaults are added.
      return checkResponse({ inputs: { ...inputs, ...received(request.getNews()) }, failures });
    }),
    diffConfig: method((request: proto.DiffRequest, operations) => {
      const olds = settingsOf(values(request.getOldInputs() ?? request.getOlds()));
      return diffResponse(operations.diffConfig(olds, settingsOf(values(request.getNews()))));
    }),
    configure: method(async (request: proto.ConfigureRequest, operations) => {
      await operations.configure(settingsOf(values(request.getArgs())));
      // Secrets are taken as such, so that a provider knows what to keep out of its messages.
      return new proto.ConfigureResponse().setSupportspreview(true).setAcceptsecrets(true);
    }),

    check: method((request: proto.CheckRequest, operations) => {
      const { inputs, failures } = operations.check(
        context(request, request.getNews()),
        values(request.getOlds()),
        values(request.getNews()),
        request.getRandomseed_asU8(),
      );
      return checkResponse({ inputs: copySecrets(inputs, received(request.getNews())), failures });
    }),
    diff: method((request: proto.DiffRequest, operations) =>
      diffResponse(
        operations.diff(
          context(request, request.getNews()),
          request.getId(),
          values(request.getOldInputs() ?? request.getOlds()),
          values(request.getOlds()),
          values(request.getNews()),
        ),
      ),
    ),
    create: method(async (request: proto.CreateRequest, operations) => {
      const sent = request.getProperties();
      const { id, outputs } = await sealed(sent, () =>
        operations.create(context(request, sent), values(sent), request.getPreview()),
      );
      return new proto.CreateResponse().setId(id).setProperties(struct(copySecrets(outputs, received(sent))));
    }),
    update: method(async (request: proto.UpdateRequest, operations) => {
      const sent = request.getNews();
      const outputs = await sealed(sent, () =>
        operations.update(
          context(request, sent),
          request.getId(),
          values(request.getOldInputs()),
          values(request.getOlds()),
          values(sent),
          request.getPreview(),
        ),
      );
      return new proto.UpdateResponse().setProperties(struct(copySecrets(outputs, received(sent))));
    }),
    delete: method(async (request: proto.DeleteRequest, operations) => {
      const inputs = request.getOldInputs();
      await operations.delete(
        context(request, inputs),
        request.getId(),
        values(inputs),
        values(request.getProperties()),
      );
      return new Empty();
    }),
    read: method(async (request: proto.ReadRequest, operations) => {
      const [inputs, properties] = [request.getInputs(), request.getProperties()];
      const found = await operations.read(
        context(request, inputs),
        request.getId(),
        values(inputs),
        values(properties),
      );
      // No id: the resource is gone.
      if (found === undefined) return new proto.ReadResponse();
      return new proto.ReadResponse()
        .setId(found.id)
        .setInputs(struct(copySecrets(found.inputs, received(inputs))))
        .setProperties(struct(copySecrets(found.outputs, received(properties))));
    }),
    invoke: method(async (request: proto.InvokeRequest, operations) => {
      const result = await operations.invoke(request.getTok(), values(request.getArgs()), general());
      return new proto.InvokeResponse().setReturn(struct(result));
    }),
  };
}

/** `urn:pulumi:<stack>::<project>::<parent types and type>::<name>` */
export function partsOfUrn(urn: string): { type: string; name: string } {
  const [, , types = "", ...name] = urn.split("::");
  return { type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

/** Settings arrive as strings, in which anything but a string is JSON. */
function settingsOf(raw: Values): Values {
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [
      name,
      typeof value === "string" ? parsedSetting(value) : value,
    ]),
  );
}

function parsedSetting(text: string): Value {
  if (!/^(?:\[.*\]|\{.*\}|true|false)$/s.test(text)) return text;
  try {
    return fromWire(JSON.parse(text) as Value);
  } catch {
    return text;
  }
}

/** As sent: secrets still marked. */
function received(sent: Struct | undefined): Values {
  return sent?.toJavaScript() ?? {};
}

function values(sent: Struct | undefined): Values {
  return fromWire(received(sent)) as Values;
}

/** The state that a partial failure leaves is as secret as that of a success. */
async function sealed<Result>(sent: Struct | undefined, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw error;
    throw new PartialFailure(error.id, copySecrets(error.outputs, received(sent)), error.reasons);
  }
}

function struct(plain: Values): Struct {
  return Struct.fromJavaScript(toWire(plain) as Parameters<typeof Struct.fromJavaScript>[0]);
}

function checkResponse({ inputs, failures }: { inputs: Values; failures: readonly CheckFailure[] }) {
  const list = failures.map(({ property, reason }) =>
    new proto.CheckFailure().setProperty(property).setReason(reason),
  );
  return new proto.CheckResponse().setInputs(struct(inputs)).setFailuresList(list);
}

function diffResponse({ differences, deleteBeforeReplace }: DiffResult) {
  const { Kind } = proto.PropertyDiff;
  const kinds = {
    add: [Kind.ADD, Kind.ADD_REPLACE],
    delete: [Kind.DELETE, Kind.DELETE_REPLACE],
    update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
  } as const;
  const response = new proto.DiffResponse();
  const detailed = response.getDetaileddiffMap();
  for (const { path, kind, replace } of differences) {
    detailed.set(path, new proto.PropertyDiff().setKind(kinds[kind][replace ? 1 : 0]).setInputdiff(true));
  }
  const topLevel = (paths: readonly { path: string }[]) => [
    ...new Set(paths.map(({ path }) => /^[^.[]+/.exec(path)?.[0] ?? path)),
  ];
  return response
    .setHasdetaileddiff(true)
    .setChanges(proto.DiffResponse.DiffChanges[differences.length > 0 ? "DIFF_SOME" : "DIFF_NONE"])
    .setDiffsList(topLevel(differences))
    .setReplacesList(topLevel(differences.filter(({ replace }) => replace)))
    .setDeletebeforereplace(deleteBeforeReplace ?? false);
}

/** A partial failure carries the state that came about in the error's details. */
function grpcError(error: unknown): { code: status; details: string; metadata?: Metadata } {
  const details = error instanceof Error ? error.message : String(error);
  if (!(error instanceof PartialFailure)) return { code: status.UNKNOWN, details };
  const failed = new proto.ErrorResourceInitFailed()
    .setId(error.id)
    .setProperties(struct(error.outputs))
    .setReasonsList([...error.reasons]);
  const packed = new Any();
  packed.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const message = new statusProto.Status().setCode(status.UNKNOWN).setMessage(details);
  message.addDetails(packed);
  const metadata = new Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(message.serializeBinary()));
  return { code: status.UNKNOWN, details, metadata };
}
