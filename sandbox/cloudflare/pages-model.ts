import type { Services } from "./call";
import type { PagesDeploymentRow, PagesDomainRow, PagesProjectRow } from "./model";
import { owningZone } from "./routes/zones";
import type { Store } from "./store";

/** What Pages knows of a project, a domain, a deployment: shared by its endpoints and the edge. */

export function domainsOf(store: Store, project: string): PagesDomainRow[] {
  return store.list("pagesDomains", (row) => row.project === project);
}

export function deploymentsOf(store: Store, project: string): PagesDeploymentRow[] {
  return store.list("pagesDeployments", (row) => row.project === project).reverse();
}

export type DomainStatus = "initializing" | "pending" | "active" | "deactivated";

/**
 * `active` while the domain's name is a CNAME to the project in a zone of the account. Until it has been so once it is
 * `pending`, afterwards `deactivated`.
 */
export function domainStatus(store: Store, row: PagesDomainRow): Exclude<DomainStatus, "initializing"> {
  const project = store.get("pagesProjects", row.project);
  const zone = owningZone(store, row.name);
  const pointed =
    project !== undefined &&
    zone !== undefined &&
    store.find(
      "dns",
      ({ zoneId, name, type, content }) =>
        zoneId === zone.id && name === row.name && type === "CNAME" && content === project.subdomain,
    ) !== undefined;
  if (pointed) return "active";
  return row.wasActive ? "deactivated" : "pending";
}

/** `feature/Login` -> `feature-login`: the branch as a label of a host name. */
export function branchAlias(branch: string): string {
  return branch
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 28)
    .replace(/-+$/, "");
}

export function shortId(deployment: PagesDeploymentRow): string {
  return deployment.id.slice(0, 8);
}

/** The project and deployment that a host name serves; the deployment is missing until one has succeeded. */
export function servedAt(
  { store, pagesDomain }: Pick<Services, "store" | "pagesDomain">,
  host: string,
): { project: PagesProjectRow; deployment: PagesDeploymentRow | undefined } | undefined {
  const name = host.toLowerCase();
  if (!name.endsWith(`.${pagesDomain}`)) {
    const domain = store.get("pagesDomains", name);
    if (domain === undefined || domainStatus(store, domain) !== "active") return undefined;
    const project = store.get("pagesProjects", domain.project);
    return project === undefined ? undefined : { project, deployment: canonical(store, project) };
  }
  const project = store.find(
    "pagesProjects",
    ({ subdomain }) => name === subdomain || name.endsWith(`.${subdomain}`),
  );
  if (project === undefined) return undefined;
  if (name === project.subdomain) return { project, deployment: canonical(store, project) };
  const label = name.slice(0, -project.subdomain.length - 1);
  const deployment = deploymentsOf(store, project.name).find(
    (row) =>
      row.status === "success" &&
      (shortId(row) === label || (row.environment === "preview" && branchAlias(row.branch) === label)),
  );
  return deployment === undefined ? undefined : { project, deployment };
}

function canonical(store: Store, project: PagesProjectRow): PagesDeploymentRow | undefined {
  return project.canonicalDeployment === undefined
    ? undefined
    : store.get("pagesDeployments", project.canonicalDeployment);
}
