import { join } from "node:path";
import {
  type ClassDeclaration,
  type InterfaceDeclaration,
  type JSDoc,
  Project,
  type PropertyDeclaration,
  type PropertySignature,
  type SourceFile,
  SyntaxKind,
  type TypeAliasDeclaration,
} from "ts-morph";

/** Components with a page of their own: class -> file, below the project's root, and where else its arguments stand. */
const sources: Readonly<Record<string, string | readonly [string, ...string[]]>> = {
  AppOrigin: "components/app-origin.ts",
  PagesSite: "components/pages-site.ts",
  AccessProtectedEnv: "components/access-protected-env.ts",
  AccessCheck: ["components/access-check.ts", "components/access/credentialed-cors.ts"],
  R2Buckets: "components/r2-buckets.ts",
  DatabaseBackups: "components/database-backups.ts",
  PostgresWithAppUser: ["components/postgres-with-app-user.ts", "components/database/args.ts"],
  ZoneBaseline: "components/zone-baseline.ts",
  Tunnel: "components/tunnel.ts",
  ScopedToken: "components/scoped-token.ts",
  SecretsVault: "components/secrets-vault.ts",
  RemoteHost: "remote/host.ts",
};

/** An example in a component's doc comment. */
export interface DocExample {
  readonly component: string;
  readonly code: string;
}

/** The pages of docs/components by file name, and every example in them. */
export function componentPages(root: string): {
  readonly pages: Readonly<Record<string, string>>;
  readonly examples: readonly DocExample[];
} {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  const pages: Record<string, string> = {};
  const examples: DocExample[] = [];
  const index: string[] = [];
  for (const [component, paths] of Object.entries(sources)) {
    const files = [paths].flat().map((path) => project.addSourceFileAtPath(join(root, path)));
    const declaration = files.map((file) => file.getClass(component)).find((found) => found !== undefined);
    if (declaration === undefined) throw new Error(`${component} is not in ${[paths].flat().join(", ")}`);
    const page = componentPage(files, declaration);
    const name = `${component.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase()}.md`;
    pages[name] = page.text;
    examples.push(...page.examples.map((code) => ({ component, code })));
    index.push(`- [${component}](${name}): ${firstSentence(description(declaration.getJsDocs()))}`);
  }
  pages["README.md"] = ["# Components", "", note, "", ...index, ""].join("\n");
  return { pages, examples };
}

const note = "Generated from the doc comments by `npm run docs`; edit those.";

function componentPage(
  files: readonly SourceFile[],
  declaration: ClassDeclaration,
): { readonly text: string; readonly examples: readonly string[] } {
  const docs = declaration.getJsDocs();
  const found = docs.flatMap((doc) => doc.getTags().filter((tag) => tag.getTagName() === "example"));
  const examples = found.map((tag) => plain(tag.getCommentText() ?? "").trim());
  const types = files
    .flatMap((file) => file.getStatements())
    .filter(
      (statement) =>
        statement.isKind(SyntaxKind.InterfaceDeclaration) ||
        statement.isKind(SyntaxKind.TypeAliasDeclaration),
    )
    .filter((statement) => statement.isExported());
  const argumentsName = `${declaration.getName() ?? ""}Args`;
  const ordered = [
    ...types.filter((type) => type.getName() === argumentsName),
    ...types.filter((type) => type.getName() !== argumentsName),
  ];
  const text = [
    `# ${declaration.getName() ?? ""}`,
    "",
    note,
    "",
    description(docs),
    "",
    "## Examples",
    ...examples.flatMap((code) => ["", "```ts", code, "```"]),
    "",
    "## Arguments",
    ...ordered.flatMap((type) => typeSection(type)),
    "",
    ...outputs(declaration),
  ].join("\n");
  return { text, examples };
}

function typeSection(type: InterfaceDeclaration | TypeAliasDeclaration): string[] {
  const about = description(type.getJsDocs());
  const head = ["", `### ${type.getName()}`, "", ...(about === "" ? [] : [about, ""])];
  if (type.isKind(SyntaxKind.TypeAliasDeclaration)) {
    return [...head, `One of: \`${code(type.getTypeNodeOrThrow().getText())}\``];
  }
  const parents = type.getExtends().map((parent) => `\`${parent.getText()}\``);
  const members = type.getProperties();
  return [
    ...head,
    ...(parents.length === 0
      ? []
      : [`Besides what ${parents.join(", ")} ${parents.length === 1 ? "has" : "have"}:`, ""]),
    ...table(
      ["argument", "type", "default", "what"],
      members.map((member) => memberRow(member)),
    ),
  ];
}

function memberRow(member: PropertySignature): string[] {
  const docs = member.getJsDocs();
  const fallback = docs.flatMap((doc) => doc.getTags()).find((tag) => tag.getTagName() === "default");
  return [
    `\`${member.getName()}\``,
    `\`${code(member.getTypeNodeOrThrow().getText())}\``,
    member.hasQuestionToken() ? plain(fallback?.getCommentText() ?? "") : "required",
    description(docs),
  ];
}

function outputs(declaration: ClassDeclaration): string[] {
  const members = declaration
    .getProperties()
    .filter(
      (member) =>
        !member.hasModifier(SyntaxKind.PrivateKeyword) && !member.hasModifier(SyntaxKind.StaticKeyword),
    );
  if (members.length === 0) return [];
  const row = (member: PropertyDeclaration) => [
    `\`${member.getName()}\``,
    `\`${code(member.getTypeNode()?.getText() ?? "")}\``,
    description(member.getJsDocs()),
  ];
  return ["## Outputs", "", ...table(["output", "type", "what"], members.map(row)), ""];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replace(/(?<!\\)\|/g, "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function description(docs: readonly JSDoc[]): string {
  return docs
    .map((doc) => plain(doc.getCommentText() ?? ""))
    .join("\n\n")
    .replace(/(?<!\n)\n(?!\n)/g, " ")
    .trim();
}

/** `{@link Name}` reads as `Name`. */
function plain(text: string): string {
  return text.replace(/\{@link\s+([^}]+?)\s*\}/g, "`$1`");
}

/** A type on one line, without words that say nothing to who reads it. */
function code(text: string): string {
  return text
    .replace(/\/\*\*[\s\S]*?\*\//g, "")
    .replace(/\breadonly /g, "")
    .replace(/\bpulumi\.(Input|Output)\b/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}

function firstSentence(text: string): string {
  return /^.*?[.](?=\s|$)/s.exec(text)?.[0] ?? text;
}
