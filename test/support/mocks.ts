import * as pulumi from "@pulumi/pulumi";

/** One resource as the engine would see it. */
export interface MadeResource {
  readonly type: string;
  readonly name: string;
  /** Inputs with secrets unwrapped. */
  readonly inputs: Record<string, unknown>;
  /** Paths of the inputs that were secret: `stdin`, `config.clientSecret`. */
  readonly secrets: readonly string[];
}

/** What the provider adds to the inputs, and the id it gives. */
export type Answer = (inputs: Record<string, unknown>, name: string) => Outputs | Promise<Outputs>;

interface Outputs {
  readonly id?: string;
  readonly [output: string]: unknown;
}

const secretSignature = "4dabf18193072939515e22adb298388d";
const secretMark = "1b47061264138c4ac30d75fd1eb44270";

/**
 * Records everything a program makes. A type without an answer, and a call to a function of a provider that is not
 * among `calls`, are errors: a test names all that may happen.
 */
export class Mocks implements pulumi.runtime.Mocks {
  readonly made: MadeResource[] = [];

  constructor(
    private readonly answers: Readonly<Record<string, Answer>>,
    private readonly calls: Readonly<
      Record<string, (inputs: Record<string, unknown>) => Record<string, unknown>>
    > = {},
  ) {}

  async newResource(args: pulumi.runtime.MockResourceArgs): Promise<{
    id: string | undefined;
    state: Record<string, unknown>;
  }> {
    const secrets: string[] = [];
    const inputs = unwrap(args.inputs, "", secrets) as Record<string, unknown>;
    this.made.push({ type: args.type, name: args.name, inputs, secrets: secrets.sort() });
    if (args.type.startsWith("groundwork:")) return { id: undefined, state: inputs };
    const answer = this.answers[args.type];
    if (answer === undefined) throw new Error(`nobody expected a ${args.type} (${args.name})`);
    const { id = `${args.name}-id`, ...outputs } = await answer(inputs, args.name);
    return { id, state: { ...inputs, ...outputs } };
  }

  call(args: pulumi.runtime.MockCallArgs): Record<string, unknown> {
    const answer = this.calls[args.token];
    if (answer === undefined) throw new Error(`nobody expected a call of ${args.token}`);
    return answer(unwrap(args.inputs, "", []) as Record<string, unknown>);
  }

  /** All resources but the component itself, as `type name`, sorted by name. */
  list(): string[] {
    return this.children()
      .map(({ type, name }) => `${type.split(":").at(-1) ?? type} ${name}`)
      .sort();
  }

  children(): MadeResource[] {
    return this.made.filter(({ type }) => !type.startsWith("groundwork:"));
  }

  /** The one resource of this name. */
  get(name: string): MadeResource {
    const found = this.children().filter((resource) => resource.name === name);
    if (found.length !== 1 || found[0] === undefined)
      throw new Error(`${found.length} resources are called ${name}`);
    return found[0];
  }
}

function unwrap(value: unknown, path: string, secrets: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => unwrap(item, `${path}[${index}]`, secrets));
  if (value === null || typeof value !== "object") return value;
  const record = value as Record<string, unknown>;
  if (record[secretSignature] === secretMark) {
    secrets.push(path);
    return unwrap(record["value"], path, []);
  }
  return Object.fromEntries(
    Object.entries(record).map(([key, item]) => [
      key,
      unwrap(item, path === "" ? key : `${path}.${key}`, secrets),
    ]),
  );
}

/** Runs a program against mocks until everything it made is registered. */
export async function runWith<T>(mocks: Mocks, program: () => T): Promise<T> {
  const limit = Error.stackTraceLimit;
  // As the command does: Pulumi's SDK takes a stack trace for each promise, and jest maps each line of it to its source.
  Error.stackTraceLimit = 5;
  try {
    await pulumi.runtime.setMocks(mocks, "groundwork", "test", false);
    const result = program();
    await pulumi.runtime.disconnect();
    return result;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** A value and whether it is secret. */
export async function known<T>(output: pulumi.Input<T>): Promise<{ value: T; secret: boolean }> {
  const wrapped = pulumi.output(output) as unknown as {
    promise(withUnknowns?: boolean): Promise<T>;
    isSecret: Promise<boolean>;
  };
  return { value: await wrapped.promise(), secret: await wrapped.isSecret };
}
