import fs from "node:fs";
import path from "node:path";
import ts from "typescript";

/**
 * Reads the declarations of `@pulumi/cloudflare` and writes down which properties each resource and function has.
 * One code a property: `!` required, `?` optional, `+` optional and computed, `=` computed; then `s`, `n`, `b`, `*`
 * (string, number, boolean, anything), `#Type`, with `[]` or `{}` in front for a list or a map.
 */
export interface Shapes {
  /** Class name -> type token and properties. */
  resources: Record<string, { token: string; properties: Record<string, string> }>;
  /** Function name -> token, arguments and result. */
  functions: Record<
    string,
    { token: string; arguments: Record<string, string>; result: Record<string, string> }
  >;
  types: Record<string, Record<string, string>>;
}

export function shapesOfSdk(
  sdkFolder: string,
  classes: readonly string[],
  functions: readonly string[],
): Shapes {
  const declarations = (file: string) =>
    ts.createSourceFile(
      file,
      fs.readFileSync(path.join(sdkFolder, file), "utf8"),
      ts.ScriptTarget.Latest,
      false,
    );
  const inputTypes = interfacesOf(declarations("types/input.d.ts"));
  const outputTypes = interfacesOf(declarations("types/output.d.ts"));
  const index = fs.readFileSync(path.join(sdkFolder, "index.d.ts"), "utf8");
  const fileOf = (name: string) => {
    const found = new RegExp(`declare const ${name}: typeof import\\("\\./(\\w+)"\\)`).exec(index)?.[1];
    if (!found) throw new Error(`the SDK has no ${name}`);
    return found;
  };
  const tokenOf = (file: string, pattern: RegExp) => {
    const found = pattern.exec(fs.readFileSync(path.join(sdkFolder, `${file}.js`), "utf8"))?.[1];
    if (!found) throw new Error(`${file}.js names no token`);
    return found;
  };
  const types: Shapes["types"] = {};
  const nameByContent = new Map<string, string>();

  function typeCode(type: ts.TypeNode): { code: string; optional: boolean } {
    if (ts.isUnionTypeNode(type)) {
      const members = type.types.filter((one) => one.kind !== ts.SyntaxKind.UndefinedKeyword);
      const optional = members.length < type.types.length;
      return members.length === 1 ? { code: typeCode(members[0]!).code, optional } : { code: "*", optional };
    }
    if (ts.isArrayTypeNode(type)) return { code: `[]${typeCode(type.elementType).code}`, optional: false };
    if (ts.isTypeLiteralNode(type)) {
      const member = type.members[0];
      if (!member || !ts.isIndexSignatureDeclaration(member)) throw new Error("an unforeseen type literal");
      return { code: `{}${typeCode(member.type).code}`, optional: false };
    }
    if (ts.isTypeReferenceNode(type)) {
      const name = ts.isQualifiedName(type.typeName) ? type.typeName.right.text : type.typeName.text;
      if (name === "Output" || name === "Input") return typeCode(type.typeArguments![0]!);
      return { code: `#${nested(name)}`, optional: false };
    }
    switch (type.kind) {
      case ts.SyntaxKind.StringKeyword:
        return { code: "s", optional: false };
      case ts.SyntaxKind.NumberKeyword:
        return { code: "n", optional: false };
      case ts.SyntaxKind.BooleanKeyword:
        return { code: "b", optional: false };
      default:
        return { code: "*", optional: false };
    }
  }

  /** Adds the type, or finds one with the same content; returns its name. */
  function nested(name: string): string {
    const output = outputTypes.get(name);
    if (!output) throw new Error(`no output type ${name}`);
    const input = inputTypes.get(name);
    const content: Record<string, string> = {};
    for (const member of output) {
      content[member.name] =
        kindOf(
          input?.find((one) => one.name === member.name),
          member,
        ) + typeCode(member.type).code;
    }
    const key = JSON.stringify(content);
    const known = nameByContent.get(key);
    if (known) return known;
    nameByContent.set(key, name);
    types[name] = content;
    return name;
  }

  function kindOf(input: Member | undefined, output: Member): string {
    if (!input) return "=";
    if (!input.optional) return "!";
    return output.optional || typeCode(output.type).optional ? "?" : "+";
  }

  const result: Shapes = { resources: {}, functions: {}, types };
  for (const name of classes) {
    const file = fileOf(name);
    const source = declarations(`${file}.d.ts`);
    const args = interfacesOf(source).get(`${name}Args`) ?? [];
    const properties: Record<string, string> = {};
    for (const member of classMembers(source, name)) {
      properties[member.name] =
        kindOf(
          args.find((one) => one.name === member.name),
          member,
        ) + typeCode(member.type).code;
    }
    result.resources[name] = { token: tokenOf(file, /__pulumiType = '([^']+)'/), properties };
  }
  for (const name of functions) {
    const file = fileOf(name);
    const interfaces = interfacesOf(declarations(`${file}.d.ts`));
    const upper = name[0]!.toUpperCase() + name.slice(1);
    const args = interfaces.get(`${upper}Args`) ?? [];
    const codes = (members: readonly Member[], kind: (member: Member) => string) =>
      Object.fromEntries(members.map((one) => [one.name, kind(one) + typeCode(one.type).code]));
    result.functions[name] = {
      token: tokenOf(file, /invoke\("([^"]+)"/),
      arguments: codes(
        args.map((one) => ({
          ...one,
          type: (interfaces.get(`${upper}Result`) ?? []).find((o) => o.name === one.name)?.type ?? one.type,
        })),
        (one) => (one.optional ? "?" : "!"),
      ),
      result: codes(interfaces.get(`${upper}Result`) ?? [], () => "="),
    };
  }
  return result;
}

interface Member {
  name: string;
  optional: boolean;
  type: ts.TypeNode;
}

function interfacesOf(source: ts.SourceFile): Map<string, Member[]> {
  const found = new Map<string, Member[]>();
  source.forEachChild((node) => {
    if (ts.isInterfaceDeclaration(node)) found.set(node.name.text, membersOf(node.members));
  });
  return found;
}

function classMembers(source: ts.SourceFile, name: string): Member[] {
  let found: Member[] = [];
  source.forEachChild((node) => {
    if (ts.isClassDeclaration(node) && node.name?.text === name) found = membersOf(node.members);
  });
  return found;
}

function membersOf(members: ts.NodeArray<ts.ClassElement | ts.TypeElement>): Member[] {
  const found: Member[] = [];
  for (const member of members) {
    if (!ts.isPropertySignature(member) && !ts.isPropertyDeclaration(member)) continue;
    if (!member.type || !(ts.isIdentifier(member.name) || ts.isStringLiteral(member.name))) continue;
    found.push({ name: member.name.text, optional: member.questionToken !== undefined, type: member.type });
  }
  return found;
}
