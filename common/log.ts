/** Where a long-running step says what it does: one line a call, without a newline, never a secret. */
export type Log = (line: string) => void;

export const silent: Log = () => undefined;
