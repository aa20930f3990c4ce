import type * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Environment, EnvironmentValue, Settings } from "./settings";
import { generatedName, isSecretReference, resolveReference, variablesOf } from "./settings/references";

/** A stack's secrets by name. */
export type Secrets = (name: string) => pulumi.Output<string>;

/** The variables of one part: those that anybody may read, and the secret ones. */
export interface Variables {
  readonly plain: Readonly<Record<string, pulumi.Input<string>>>;
  readonly secret: Readonly<Record<string, pulumi.Input<string>>>;
}

/** What parts publish for others, by path (`databases.main.appUrl`), and the variables that name it. */
export class Values {
  private readonly published = new Map<string, pulumi.Input<string>>();
  private readonly generated = new Map<string, pulumi.Output<string>>();

  constructor(
    private readonly settings: Settings,
    private readonly secrets: Secrets,
  ) {}

  /** Publishes the fields of a part; undefined ones do not exist. */
  publish(path: string, fields: Readonly<Record<string, pulumi.Input<string> | undefined>>): void {
    for (const [field, value] of Object.entries(fields)) {
      if (value !== undefined) this.published.set(`${path}.${field}`, value);
    }
  }

  /**
   * The values of a part's variables, as the stack file writes them.
   *
   * @param path Where they stand, such as `["origins", "api", "environment"]`; names generated values.
   * @param owner The origin whose variables they are; undefined for a site's.
   */
  variables(path: readonly string[], environment: Environment, owner: string | undefined): Variables {
    const plain: Record<string, pulumi.Input<string>> = {};
    const secret: Record<string, pulumi.Input<string>> = {};
    for (const [name, value] of Object.entries(environment)) {
      const target = this.isSecret(value, owner) ? secret : plain;
      target[name] = this.value([...path, name], value, owner);
    }
    return { plain, secret };
  }

  /** The same where all of a part's variables are kept secret. */
  merged(path: readonly string[], environment: Environment, owner: string | undefined): Variables["secret"] {
    const { plain, secret } = this.variables(path, environment, owner);
    return { ...plain, ...secret };
  }

  private isSecret(value: EnvironmentValue, owner: string | undefined): boolean {
    if (typeof value === "string") return false;
    return "from" in value ? isSecretReference(this.settings, value.from, owner) : true;
  }

  private value(
    keys: readonly string[],
    value: EnvironmentValue,
    owner: string | undefined,
  ): pulumi.Input<string> {
    if (typeof value === "string") return value;
    if ("secret" in value) return this.secrets(value.secret);
    if ("generate" in value) return this.generate(keys, value.generate);
    return this.reference(value.from, owner);
  }

  private reference(from: string, owner: string | undefined): pulumi.Input<string> {
    const result = resolveReference(this.settings, from, owner);
    if (!("reference" in result)) throw new Error(`settings let ${from} pass: ${result.problem}`);
    const { reference } = result;
    if (reference.kind === "variable") {
      const target = variablesOf(this.settings).find(({ keys }) => keys.join() === reference.keys.join());
      if (target === undefined) throw new Error(`settings let ${from} pass: there is no such variable`);
      return this.value(target.keys.map(String), target.value, target.origin);
    }
    if (reference.kind === "setting") {
      return reference.setting === "domain" ? this.settings.domain : this.named(reference.setting);
    }
    const { part, name, output, consumer } = reference;
    return this.named(
      consumer === undefined ? `${part}.${name}.${output}` : `${part}.${name}.${consumer}.${output}`,
    );
  }

  /** A published value by its path. */
  named(path: string): pulumi.Input<string> {
    const value = this.published.get(path);
    if (value === undefined) throw new Error(`${path} is named before it is made`);
    return value;
  }

  /** Made by `random` once, under a name that depends on nothing but where the variable stands. */
  private generate(keys: readonly string[], length: number): pulumi.Output<string> {
    const name = generatedName(keys);
    const known = this.generated.get(name);
    if (known !== undefined) return known;
    const { result } = new random.RandomPassword(name, { length, special: false });
    this.generated.set(name, result);
    return result;
  }
}
