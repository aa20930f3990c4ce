import type { Client } from "ssh2";

/** The parts of ssh2 1.17 that its interface hides; `package.json` pins the version, tests hold it to this. */
interface Internals {
  readonly _protocol: {
    env(channel: number, name: string, value: string, wantReply?: boolean): void;
    exec(channel: number, command: string, wantReply: boolean): void;
  };
  readonly _chanMgr: { readonly _channels: Record<number, unknown> };
}

interface Channel {
  readonly outgoing: { readonly id: number };
  readonly _callbacks: ((failed: boolean | Error | undefined) => void)[];
  close(): void;
}

/**
 * Makes the next command of this client wait for the server's answer to each environment variable, which ssh2 itself
 * does not ask for. A refused variable is told by name; the command is sent only when `refused` returns true.
 */
export function confirmEnvironment(client: Client, refused: (name: string) => boolean): void {
  const { _protocol: protocol, _chanMgr: manager } = client as unknown as Internals;
  const [sendEnv, sendExec] = [protocol.env.bind(protocol), protocol.exec.bind(protocol)];
  let unanswered = 0;
  let mayRun = true;
  let send: (() => void) | undefined;
  const channelOf = (id: number) =>
    Object.values(manager._channels).find(
      (channel): channel is Channel =>
        typeof channel === "object" && (channel as Partial<Channel> | null)?.outgoing?.id === id,
    );
  protocol.env = (id, name, value) => {
    unanswered++;
    channelOf(id)?._callbacks.push((failed) => {
      if (failed) mayRun = refused(name) && mayRun;
      if (--unanswered === 0) send?.();
    });
    sendEnv(id, name, value, true);
  };
  protocol.exec = (id, command, wantReply) => {
    send = () => {
      if (mayRun) return sendExec(id, command, wantReply);
      const channel = channelOf(id);
      channel?._callbacks.shift()?.(new Error("a variable was refused"));
      channel?.close();
    };
    if (unanswered === 0) send();
  };
}
