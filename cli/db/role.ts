import type { DatabaseRole, EnvironmentDatabase } from "../../automation/database/database";
import { UserError } from "../../common/user-error";
import type { OptionDeclaration } from "../command";

const roles: Readonly<Record<string, DatabaseRole>> = {
  app: "app",
  migrator: "migrator",
  "read-only": "readOnly",
  backup: "backup",
  monitor: "monitor",
  replication: "replication",
};

export const roleOption: OptionDeclaration = {
  flags: "--as <role>",
  description: `as whom: ${Object.keys(roles).join(", ")} (default: read-only where there is one, else app)`,
};

/** The role that is meant. @throws UserError for a word that is none */
export function roleOf(word: string | undefined, database: EnvironmentDatabase): DatabaseRole {
  if (word === undefined) return database.roles.includes("readOnly") ? "readOnly" : "app";
  const role = roles[word];
  if (role !== undefined) return role;
  throw new UserError({
    what: "that is no role of a database",
    value: word,
    allowed: Object.keys(roles).join(", "),
    next: "npx groundwork db psql -s dev --as app",
  });
}
