import { block, identifier, literal } from "../quoting";
import type { RoleStatementsArgs } from "./types";

/** The name of an entry `name` or `name@version`. */
export const extensionName = (entry: string): string => entry.split("@")[0] ?? entry;

/** The extensions that are allowed, in the versions that are asked for. */
export function extensions({ extensions: wanted }: RoleStatementsArgs): string[] {
  return wanted.map((entry) => {
    const name = extensionName(entry);
    if (name === entry) return `CREATE EXTENSION IF NOT EXISTS ${identifier(entry)};`;
    return inVersion(name, entry.slice(name.length + 1));
  });
}

function inVersion(name: string, version: string): string {
  return block(
    `SELECT extversion INTO there FROM pg_extension WHERE extname = ${literal(name)};
IF there = ${literal(version)} THEN RETURN; END IF;
IF there IS NOT NULL THEN
  RAISE EXCEPTION 'extension % is there in version %, not %', ${literal(name)}, there, ${literal(version)}
    USING ERRCODE = '55000', HINT = format('Nothing was changed. The administrator changes it by: ALTER EXTENSION %I UPDATE TO %L', ${literal(name)}, ${literal(version)});
END IF;
IF NOT EXISTS (SELECT FROM pg_available_extension_versions WHERE name = ${literal(name)} AND version = ${literal(version)}) THEN
  RAISE EXCEPTION 'this server has no version % of the extension %; it has: %', ${literal(version)}, ${literal(name)},
    coalesce((SELECT string_agg(v.version, ', ' ORDER BY v.version) FROM pg_available_extension_versions v WHERE v.name = ${literal(name)}), 'none')
    USING ERRCODE = '22023', HINT = 'Nothing was changed.';
END IF;
CREATE EXTENSION ${identifier(name)} VERSION ${literal(version)};`,
    "there text;",
  );
}
