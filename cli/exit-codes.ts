/** Exit codes: part of the interface, documented in docs/cli.md. */
export const exitCodes = { userError: 1, usage: 2, drift: 3, policy: 4, bug: 70, interrupted: 130 } as const;
