/** Whether a step gives a database its roles and grants, or the grants on what migrations made there, of which each origin has one. */
export function isRoleStep(database: string, name: string): boolean {
  return name === `${database}-roles` || isGrantAfterMigrations(database, name);
}

/** Whether a step gives the grants on what migrations made in a database; it comes after them. */
export function isGrantAfterMigrations(database: string, name: string): boolean {
  return name.startsWith(`${database}-roles-after-migrations`);
}
