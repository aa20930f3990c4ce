import { block, identifier, literal } from "../quoting";
import { readersOf, type RoleStatementsArgs } from "./types";

/**
 * Before 15, and wherever such a database was upgraded or restored to, anybody may make things in `public`: also where
 * the application works in other schemas.
 */
export const publicClosed = block(
  `IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(nspowner, 'USAGE')) THEN
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END IF;`,
);

/** A schema, who may use it, and what is granted by itself on whatever is made in it later. */
export function schemaStatements(name: string, args: RoleStatementsArgs): string[] {
  const schema = identifier(name);
  const migrator = identifier(args.migrator.name);
  const app = identifier(args.appGroup);
  const logins = args.appLogins.map((login) => identifier(login.name));
  const readers = readersOf(args);
  return [
    block(
      `IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = ${literal(name)}) THEN\n` +
        `  CREATE SCHEMA ${schema} AUTHORIZATION ${migrator};\nEND IF;`,
    ),
    `REVOKE ALL ON SCHEMA ${schema} FROM ${["PUBLIC", app, ...logins].join(", ")};`,
    `GRANT USAGE ON SCHEMA ${schema} TO ${app};`,
    ...readers.map((role) => `GRANT USAGE ON SCHEMA ${schema} TO ${identifier(role.name)};`),
    ...[args.migrator.name, ...args.furtherMigrators].flatMap((owner) => {
      const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(owner)} IN SCHEMA ${schema}`;
      return [
        `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${identifier(owner)};`,
        `${defaults} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app};`,
        `${defaults} GRANT USAGE, SELECT ON SEQUENCES TO ${app};`,
        `${defaults} GRANT EXECUTE ON FUNCTIONS TO ${app};`,
        ...readers.map((role) => `${defaults} GRANT SELECT ON TABLES TO ${identifier(role.name)};`),
      ];
    }),
  ];
}
