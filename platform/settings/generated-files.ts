import { stackJsonSchema } from "./json-schema";
import { settingsPage } from "./reference-page";

/** Files of the repository that are made from the schema: path below the project's root -> text. */
export function generatedSettingsFiles(): Readonly<Record<string, string>> {
  return {
    "docs/settings.md": settingsPage(),
    "schemas/stack.schema.json": `${JSON.stringify(stackJsonSchema(), undefined, 2)}\n`,
  };
}
