import { randomBytes } from "node:crypto";
import type {
  CheckFailure,
  InputDefinition,
  OperationContext,
  ProviderDefinition,
  ResourceDefinition,
} from "../definition";
import { containsUnknown, isArchive, isAsset, isObject, type Value, type Values } from "../values";
import { readConnection, wrongConnection } from "./connection";
import { copySource, copyToRemote } from "./copy";
import { archiveOf, assetsOf, globFiles } from "./globs";
import { runLocal } from "./local-run";
import { failureText, isLogged, redacted, secretTexts, type Stream } from "./output";
import { refusedText, type RunResult, runRemote } from "./remote-run";
import { type Dialled, dial } from "./ssh";

type Said = Pick<OperationContext<unknown>, "log" | "signal" | "secretInputs">;

const logging: InputDefinition = { oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] };

/** The names by which a command finds what it printed the last time. */
const previous = { stdout: "PULUMI_COMMAND_STDOUT", stderr: "PULUMI_COMMAND_STDERR" } as const;

/** `<name>` and eight hexadecimal digits, as the real provider's. */
function newId(name: string): string {
  return name + randomBytes(4).toString("hex");
}

function text(value: Value): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function textMap(value: Value): Record<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.map(([name, item]) => [name, typeof item === "string" ? item : JSON.stringify(item)]),
  );
}

function previousOutput(inputs: Values, outputs: Values): Record<string, string> {
  if (inputs["addPreviousOutputInEnv"] === false) return {};
  const found = Object.entries(previous).map(([output, name]) => [name, text(outputs[output]) ?? ""]);
  return Object.fromEntries(found.filter(([, value]) => value !== "")) as Record<string, string>;
}

/** All that must not be shown of these inputs. The keys of the connection are always among it. */
function secretsOf(inputs: Values, { secretInputs }: Said): string[] {
  const marked = [...secretInputs].filter((name) => name !== "connection").map((name) => inputs[name]);
  const logins = [
    inputs["connection"],
    isObject(inputs["connection"]) ? inputs["connection"]["proxy"] : undefined,
  ];
  const keys = logins.flatMap((login) =>
    isObject(login) ? [login["privateKey"], login["privateKeyPassword"], login["password"]] : [],
  );
  return secretTexts([...marked, ...keys]);
}

/** Says each line as it comes, where logging allows, without the secrets. */
function liner(inputs: Values, said: Said): (stream: Stream, line: string) => void {
  const secrets = secretsOf(inputs, said);
  return (stream, line) => {
    if (isLogged(stream, inputs["logging"]) && line !== "") said.log("info", redacted(line, secrets));
  };
}

function outcome(
  { output, failure }: RunResult,
  { command, input }: { command: string; input: string },
  inputs: Values,
  said: Said,
): Values {
  if (failure === undefined) return output.outputs;
  const printed = redacted(output.mixed, secretsOf(inputs, said));
  throw new Error(failureText(failure, command, said.secretInputs.has(input), printed));
}

/** Runs the command that stands in `input`, on the connection that stands beside it. */
async function runOnHost(inputs: Values, outputs: Values, input: string, said: Said): Promise<Values> {
  const command = text(inputs[input]);
  if (command === undefined) return {};
  const dialled = await open(inputs, said);
  try {
    const result = await runRemote(dialled.client, {
      command,
      stdin: text(inputs["stdin"]),
      environment: textMap(inputs["environment"]),
      optionalEnvironment: previousOutput(inputs, outputs),
      line: liner(inputs, said),
      refused: (name, isNeeded) => said.log(isNeeded ? "error" : "warning", refusedText(name)),
    });
    return outcome(result, { command, input }, inputs, said);
  } finally {
    dialled.close();
  }
}

function open(inputs: Values, said: Said): Promise<Dialled> {
  return dial(readConnection(inputs["connection"]), {
    signal: said.signal,
    progress: (message) => said.log("info", message, { ephemeral: true }),
  });
}

/** Runs the command that stands in `input` on this machine. */
async function runHere(inputs: Values, outputs: Values, input: string, said: Said): Promise<Values> {
  const command = text(inputs[input]);
  if (command === undefined) return {};
  const dir = text(inputs["dir"]);
  const result = await runLocal({
    command,
    interpreter: inputs["interpreter"] as string[] | undefined,
    dir,
    stdin: text(inputs["stdin"]),
    environment: { ...textMap(inputs["environment"]), ...previousOutput(inputs, outputs) },
    line: liner(inputs, said),
    signal: said.signal,
  });
  return {
    ...outcome(result, { command, input }, inputs, said),
    ...filesMade(dir ?? process.cwd(), inputs),
  };
}

function filesMade(dir: string, inputs: Values): Values {
  const [assetPaths, archivePaths] = [inputs["assetPaths"], inputs["archivePaths"]] as (
    string[] | undefined
  )[];
  return {
    ...(assetPaths === undefined ? {} : { assets: assetsOf(dir, globFiles(dir, assetPaths)) }),
    ...(archivePaths === undefined ? {} : { archive: archiveOf(dir, globFiles(dir, archivePaths)) }),
  };
}

/** What local and remote commands have in common: when which of the three commands runs. */
function commandResource(
  inputs: ResourceDefinition["inputs"],
  run: (inputs: Values, outputs: Values, input: string, said: Said) => Promise<Values>,
): ResourceDefinition {
  return {
    inputs: {
      create: {},
      update: {},
      delete: {},
      stdin: {},
      environment: {},
      logging,
      triggers: { replace: true },
      addPreviousOutputInEnv: {},
      ...inputs,
    },
    computed: ["stdout", "stderr"],
    recomputedOnUpdate: ["stdout", "stderr"],
    async create(request) {
      const outputs = { stdout: "", stderr: "", ...(await run(request.inputs, {}, "create", request)) };
      return { id: newId(request.name), outputs };
    },
    // On any change at all: what has to be left alone must not be written to depend on what changed.
    update: (request) =>
      run(
        request.inputs,
        request.oldOutputs,
        request.inputs["update"] === undefined ? "create" : "update",
        request,
      ),
    // By what is recorded: also the connection.
    async delete(request) {
      await run({ ...request.oldOutputs, ...request.oldInputs }, request.oldOutputs, "delete", request);
    },
  };
}

function checkConnection({ news }: { news: Values }): { failures: CheckFailure[] } {
  return { failures: wrongConnection(news["connection"]) };
}

const connection: InputDefinition = { required: true, secret: true };

const remoteCommand: ResourceDefinition = {
  ...commandResource({ connection }, runOnHost),
  check: checkConnection,
};

const localCommand: ResourceDefinition = {
  ...commandResource({ interpreter: {}, dir: {}, assetPaths: {}, archivePaths: {} }, runHere),
  recomputedOnUpdate: ["stdout", "stderr", "assets", "archive"],
};

async function copy(inputs: Values, said: Said): Promise<void> {
  const source = copySource(inputs["source"]);
  const dialled = await open(inputs, said);
  try {
    await copyToRemote(dialled.client, source, inputs["remotePath"] as string);
  } finally {
    dialled.close();
  }
}

function hashOf(source: Value): Value {
  return isObject(source) ? source["hash"] : undefined;
}

const copyToRemoteResource: ResourceDefinition = {
  inputs: {
    connection,
    source: { required: true },
    remotePath: { required: true },
    triggers: { replace: true },
  },
  check(request) {
    const { source } = request.news;
    const { failures } = checkConnection(request);
    if (source !== undefined && !containsUnknown(source) && !isAsset(source) && !isArchive(source)) {
      failures.push({ property: "source", reason: "either asset or archive must be set" });
    }
    return { failures };
  },
  async create(request) {
    await copy(request.inputs, request);
    return { id: newId(request.name), outputs: {} };
  },
  // A changed connection alone copies nothing, as in the real provider.
  async update(request) {
    const { inputs, oldOutputs } = request;
    const isSame =
      hashOf(inputs["source"]) === hashOf(oldOutputs["source"]) &&
      inputs["remotePath"] === oldOutputs["remotePath"];
    if (!isSame) await copy(inputs, request);
    return {};
  },
};

const refusedCopyFile: ResourceDefinition = {
  inputs: {
    connection,
    localPath: { required: true },
    remotePath: { required: true },
    triggers: { replace: true },
  },
  check: () => ({
    failures: [
      {
        property: "localPath",
        reason: "remote.CopyFile is deprecated and not supported here: use remote.CopyToRemote",
      },
    ],
  }),
  create: () => Promise.reject(new Error("remote.CopyFile is not supported here")),
};

/** The provider of `@pulumi/command`: runs commands here and, over SSH, on a host. */
export const provider: ProviderDefinition = {
  name: "command",
  version: "1.2.1",
  resources: {
    "command:local:Command": localCommand,
    "command:remote:Command": remoteCommand,
    "command:remote:CopyToRemote": copyToRemoteResource,
    "command:remote:CopyFile": refusedCopyFile,
  },
  invokes: {
    "command:local:run": async (args, context) => ({
      ...args,
      stdout: "",
      stderr: "",
      ...(await runHere({ addPreviousOutputInEnv: false, ...args }, {}, "command", {
        ...context,
        secretInputs: new Set(),
      })),
    }),
  },
};
