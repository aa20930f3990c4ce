import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";

/** An answer that is given instead of the real one, once. */
export interface Fault {
  readonly matches: (method: string, path: string) => boolean;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the servers of GitHub's and of GitLab's API have in common. */
export abstract class CodeHostServer<OwnFault extends Fault> {
  /** `METHOD path?query` of every request, in their order. */
  readonly requests: string[] = [];
  protected readonly faults: OwnFault[] = [];
  protected readonly app: FastifyInstance = fastify();
  protected nextId = 1000;
  url = "";

  protected abstract routes(): void;

  /** Starts on a free port of loopback. */
  protected async listen(below: string): Promise<this> {
    this.routes();
    this.url = `${await this.app.listen({ host: "127.0.0.1", port: 0 })}${below}`;
    return this;
  }

  close(): Promise<void> {
    return this.app.close();
  }

  /** The next request that fits fails. */
  failOnce(fault: OwnFault): void {
    this.faults.push(fault);
  }

  /** The fault that is meant for a request, which it then has had. */
  protected takeFault(
    { method, url }: FastifyRequest,
    fits: (fault: OwnFault) => boolean = () => true,
  ): OwnFault | undefined {
    const index = this.faults.findIndex((fault) => fits(fault) && fault.matches(method, url));
    return index < 0 ? undefined : this.faults.splice(index, 1)[0];
  }
}
