import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { CodeHostServer, type Fault } from "./code-host-server";

/** A note as GitLab keeps it, as far as a client of the API sees it. */
export interface StoredNote {
  readonly id: number;
  readonly system: boolean;
  readonly author: { readonly id: number; readonly username: string };
  body: string;
}

export interface StoredIssue {
  readonly id: number;
  readonly iid: number;
  readonly author: { readonly id: number; readonly username: string };
  readonly labels: string[];
  readonly web_url: string;
  readonly notes: string[];
  title: string;
  description: string;
  state: "opened" | "closed";
}

interface GitLabFault extends Fault {
  readonly body?: string;
  /** What was asked for is done all the same, as by a proxy in between that gave up too early. @default false */
  readonly done?: boolean;
}

const me = { id: 77, username: "project_42_bot" };

/**
 * The part of GitLab's API that notes and issues need, by its public description: pages of at most 100 with `x-next-page`,
 * 401 and 403 and validation as GitLab words them, a token by `PRIVATE-TOKEN`.
 */
export class GitLabServer extends CodeHostServer<GitLabFault> {
  readonly token = `made-up-${randomBytes(12).toString("hex")}`;
  readonly readOnlyToken = `made-up-${randomBytes(12).toString("hex")}`;
  readonly notes: StoredNote[] = [];
  readonly issues: StoredIssue[] = [];

  /** Starts on a free port of loopback. */
  static start(): Promise<GitLabServer> {
    return new GitLabServer().listen("/api/v4");
  }

  /** Forgets everything but its tokens. */
  reset(): void {
    for (const list of [this.notes, this.issues, this.requests, this.faults]) list.length = 0;
  }

  addNote(body: string, author = me, system = false): StoredNote {
    const note = { id: (this.nextId += 1), system, author, body };
    this.notes.push(note);
    return note;
  }

  addIssue(issue: Partial<StoredIssue>): StoredIssue {
    const iid = this.issues.length + 1;
    const made: StoredIssue = {
      id: (this.nextId += 1),
      ...{ iid, author: me, labels: [], notes: [], title: "", description: "", state: "opened" },
      web_url: `https://gitlab.example/acme/shop/-/issues/${iid}`,
      ...issue,
    };
    this.issues.push(made);
    return made;
  }

  protected routes(): void {
    const { app } = this;
    app.addHook("onRequest", async (request, reply) => {
      this.requests.push(`${request.method} ${request.url.replace("/api/v4", "")}`);
      const fault = this.takeFault(request, ({ done }) => done !== true);
      if (fault !== undefined) return failed(reply, fault);
      const given = request.headers["private-token"];
      if (given === this.token) return undefined;
      if (given !== this.readOnlyToken) return reply.code(401).send({ message: "401 Unauthorized" });
      if (request.method === "GET") return undefined;
      return reply.code(403).send({
        error: "insufficient_scope",
        error_description: "The request requires higher privileges than provided by the access token.",
        scope: "api",
      });
    });
    app.addHook("onSend", async (request, reply, payload) => {
      const fault = this.takeFault(request, ({ done }) => done === true);
      if (fault === undefined) return payload;
      void reply.code(fault.status);
      return fault.body ?? "";
    });
    app.get("/api/v4/user", () => me);
    const notes = "/api/v4/projects/42/merge_requests/12/notes";
    app.get(notes, (request, reply) => this.page(request, reply, this.notes));
    app.post(notes, async (request, reply) => {
      const { body } = request.body as { body: string };
      if (body === "")
        return reply
          .code(400)
          .send({ message: '400 (Bad request) "Note {:note=>[\\"can\'t be blank\\"]}" not given' });
      if (body.length > 1_000_000)
        return reply.code(400).send({ message: { note: ["is too long (maximum is 1000000 characters)"] } });
      return reply.code(201).send(this.addNote(body));
    });
    app.put(`${notes}/:id`, async (request, reply) => {
      const note = this.notes.find(({ id }) => String(id) === (request.params as { id: string }).id);
      if (note === undefined) return reply.code(404).send({ message: "404 Note Not Found" });
      if (note.author.id !== me.id) return reply.code(403).send({ message: "403 Forbidden" });
      note.body = (request.body as { body: string }).body;
      return note;
    });
    this.issueRoutes();
  }

  private issueRoutes(): void {
    const { app } = this;
    const issues = "/api/v4/projects/42/issues";
    app.get(issues, (request, reply) => {
      const { state, labels, author_id: author } = request.query as Record<string, string | undefined>;
      const found = this.issues
        .filter((issue) => state === undefined || state === "all" || issue.state === state)
        .filter(
          (issue) => labels === undefined || labels.split(",").every((one) => issue.labels.includes(one)),
        )
        .filter((issue) => author === undefined || String(issue.author.id) === author);
      return this.page(request, reply, found.reverse());
    });
    app.post(issues, async (request, reply) => {
      const { title, description, labels } = request.body as Record<string, string>;
      return reply.code(201).send(
        this.addIssue({
          title: title ?? "",
          description: description ?? "",
          labels: (labels ?? "").split(","),
        }),
      );
    });
    app.put(`${issues}/:iid`, async (request, reply) => {
      const issue = this.issueOf(request);
      if (issue === undefined) return reply.code(404).send({ message: "404 Not found" });
      const { title, description, state_event: event } = request.body as Record<string, string | undefined>;
      if (title !== undefined) issue.title = title;
      if (description !== undefined) issue.description = description;
      if (event === "close") issue.state = "closed";
      if (event === "reopen") issue.state = "opened";
      return issue;
    });
    app.post(`${issues}/:iid/notes`, async (request, reply) => {
      const issue = this.issueOf(request);
      if (issue === undefined) return reply.code(404).send({ message: "404 Not found" });
      issue.notes.push((request.body as { body: string }).body);
      return reply.code(201).send({ id: (this.nextId += 1) });
    });
  }

  private issueOf(request: FastifyRequest): StoredIssue | undefined {
    return this.issues.find(({ iid }) => String(iid) === (request.params as { iid: string }).iid);
  }

  private page(request: FastifyRequest, reply: FastifyReply, all: readonly unknown[]): FastifyReply {
    const { per_page = "20", page = "1" } = request.query as { per_page?: string; page?: string };
    const [size, at] = [Math.min(100, Number(per_page)), Number(page)];
    const pages = Math.max(1, Math.ceil(all.length / size));
    void reply.headers({
      "x-page": String(at),
      "x-per-page": String(size),
      "x-next-page": at < pages ? String(at + 1) : "",
    });
    return reply.send(all.slice((at - 1) * size, at * size));
  }
}

function failed(reply: FastifyReply, { status, headers = {}, body = "" }: GitLabFault): FastifyReply {
  return reply.code(status).headers(headers).type("text/plain").send(body);
}
