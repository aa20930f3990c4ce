import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { CodeHostServer, type Fault } from "./code-host-server";

/** A comment as GitHub keeps it. */
export interface StoredComment {
  readonly id: number;
  readonly node_id: string;
  readonly html_url: string;
  readonly user: { readonly login: string; readonly type: string };
  body: string;
  updated_at: string;
  minimised?: string;
}

export interface StoredCheck {
  readonly id: number;
  readonly head_sha: string;
  readonly name: string;
  readonly conclusion: string;
  readonly annotations: { path: string; start_line: number; annotation_level: string; message: string }[];
}

export interface StoredIssue {
  readonly number: number;
  readonly html_url: string;
  readonly user: { readonly login: string };
  readonly labels: readonly string[];
  readonly comments: string[];
  readonly pull_request?: object;
  title: string;
  body: string;
  state: "open" | "closed";
}

interface CheckBody {
  name: string;
  head_sha: string;
  conclusion: string;
  output: { summary: string; annotations: StoredCheck["annotations"] };
}

/** With the words of the answer. */
interface GitHubFault extends Fault {
  readonly message: string;
}

const me = "github-actions[bot]";

/**
 * The part of GitHub's API that comments and checks need, by its public description: pages with Link headers, limits of
 * bodies and annotations, 401 and 403 as GitHub words them, GraphQL answers with `errors` and status 200.
 */
export class GitHubServer extends CodeHostServer<GitHubFault> {
  readonly token = randomBytes(20).toString("hex");
  readonly readOnlyToken = randomBytes(20).toString("hex");
  readonly comments: StoredComment[] = [];
  readonly checks: StoredCheck[] = [];
  readonly issues: StoredIssue[] = [];

  /** Starts on a free port of loopback, below `/api/v3` as GitHub Enterprise has it. */
  static start(): Promise<GitHubServer> {
    return new GitHubServer().listen("/api/v3");
  }

  /** Forgets everything but its tokens. */
  reset(): void {
    for (const list of [this.comments, this.checks, this.issues, this.requests, this.faults]) list.length = 0;
  }

  /** One of yesterday, unless it is said otherwise. */
  addComment(body: string, login = me, at = new Date(Date.now() - 86_400_000)): StoredComment {
    const id = (this.nextId += 1);
    const comment = {
      id,
      node_id: `IC_${id}`,
      html_url: `https://github.example/acme/shop/pull/12#issuecomment-${id}`,
      user: { login, type: login.endsWith("[bot]") ? "Bot" : "User" },
      body,
      updated_at: at.toISOString(),
    };
    this.comments.push(comment);
    return comment;
  }

  addIssue(issue: Partial<StoredIssue>): StoredIssue {
    const number = this.issues.length + 1;
    const made: StoredIssue = {
      ...{ number, user: { login: me }, labels: [], comments: [], title: "", body: "", state: "open" },
      html_url: `https://github.example/acme/shop/issues/${number}`,
      ...issue,
    };
    this.issues.push(made);
    return made;
  }

  protected routes(): void {
    const { app } = this;
    app.addHook("onRequest", async (request, reply) => {
      this.requests.push(`${request.method} ${request.url.replace(/^\/api(?:\/v3)?/, "")}`);
      const fault = this.takeFault(request);
      if (fault !== undefined) {
        return reply
          .code(fault.status)
          .headers(fault.headers ?? {})
          .send({ message: fault.message });
      }
      const given = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
      if (given === this.token) return undefined;
      if (given !== this.readOnlyToken) return reply.code(401).send({ message: "Bad credentials" });
      if (request.method === "GET") return undefined;
      return reply.code(403).send({ message: "Resource not accessible by integration" });
    });
    const issue = "/api/v3/repos/acme/shop/issues";
    app.get(`${issue}/12/comments`, (request, reply) => {
      const { since = "" } = request.query as { since?: string };
      return this.page(
        request,
        reply,
        this.comments.filter(({ updated_at: at }) => at >= since),
      );
    });
    this.issueRoutes(issue);
    app.post(`${issue}/12/comments`, async (request, reply) => {
      const { body } = request.body as { body: string };
      if (body.length > 65_536) return reply.code(422).send({ message: "Validation Failed" });
      return reply.code(201).send(this.addComment(body, me, new Date()));
    });
    app.patch(`${issue}/comments/:id`, async (request, reply) => {
      const comment = this.comments.find(({ id }) => String(id) === idOf(request));
      if (comment === undefined) return reply.code(404).send({ message: "Not Found" });
      comment.body = (request.body as { body: string }).body;
      comment.updated_at = new Date().toISOString();
      return comment;
    });
    app.post("/api/v3/repos/acme/shop/check-runs", async (request, reply) => {
      const { name, head_sha, conclusion, output } = request.body as CheckBody;
      if (output.annotations.length > 50) return reply.code(422).send({ message: "Too many annotations" });
      const check = { id: (this.nextId += 1), name, head_sha, conclusion, annotations: output.annotations };
      this.checks.push(check);
      return reply.code(201).send(check);
    });
    app.patch("/api/v3/repos/acme/shop/check-runs/:id", async (request, reply) => {
      const check = this.checks.find(({ id }) => String(id) === idOf(request));
      const { annotations } = (request.body as CheckBody).output;
      if (check === undefined || annotations.length > 50) return reply.code(422).send({ message: "Invalid" });
      check.annotations.push(...annotations);
      return check;
    });
    app.post("/api/graphql", (request) => {
      const { query, variables } = request.body as { query: string; variables?: { id?: string } };
      if (query.includes("viewer")) return { data: { viewer: { login: me } } };
      const comment = this.comments.find(({ node_id: id }) => id === variables?.id);
      if (comment === undefined) return { data: null, errors: [{ message: "Could not resolve to a node" }] };
      comment.minimised = /classifier: (\w+)/.exec(query)?.[1] ?? "";
      return { data: { minimizeComment: { minimizedComment: { isMinimized: true } } } };
    });
  }

  private issueRoutes(issues: string): void {
    const { app } = this;
    const issueOf = (request: FastifyRequest): StoredIssue | undefined =>
      this.issues.find(({ number }) => String(number) === idOf(request));
    app.get(issues, (request, reply) => {
      const { state = "open", labels = "" } = request.query as Record<string, string | undefined>;
      const wanted = labels.split(",").filter((label) => label !== "");
      const found = this.issues
        .filter((issue) => state === "all" || issue.state === state)
        .filter((issue) => wanted.every((label) => issue.labels.includes(label)));
      return this.page(request, reply, found.reverse());
    });
    app.post(issues, async (request, reply) => {
      const { title, body, labels } = request.body as StoredIssue;
      if (body.length > 65_536) return reply.code(422).send({ message: "Validation Failed" });
      return reply.code(201).send(this.addIssue({ title, body, labels }));
    });
    app.patch(`${issues}/:id`, async (request, reply) => {
      const issue = issueOf(request);
      if (issue === undefined) return reply.code(404).send({ message: "Not Found" });
      const { title, body, state } = request.body as Partial<StoredIssue>;
      return Object.assign(
        issue,
        title === undefined ? {} : { title },
        body === undefined ? {} : { body },
        state === undefined ? {} : { state },
      );
    });
    app.post(`${issues}/:id/comments`, async (request, reply) => {
      const issue = issueOf(request);
      if (issue === undefined) return reply.code(404).send({ message: "Not Found" });
      issue.comments.push((request.body as { body: string }).body);
      return reply.code(201).send({ id: (this.nextId += 1) });
    });
  }

  private page(request: FastifyRequest, reply: FastifyReply, all: readonly unknown[]): FastifyReply {
    const { per_page = "30", page = "1" } = request.query as { per_page?: string; page?: string };
    const [size, at] = [Math.min(100, Number(per_page)), Number(page)];
    const pages = Math.max(1, Math.ceil(all.length / size));
    const link = (number: number, rel: string): string => {
      const next = new URL(`${new URL(this.url).origin}${request.url}`);
      next.searchParams.set("page", String(number));
      return `<${next.href}>; rel="${rel}"`;
    };
    if (at < pages) void reply.header("link", `${link(at + 1, "next")}, ${link(pages, "last")}`);
    return reply.send(all.slice((at - 1) * size, at * size));
  }
}

function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}
