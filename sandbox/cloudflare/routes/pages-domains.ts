import { z } from "zod";
import type { Call, Route } from "../call";
import { type Answer, paginate, refuse } from "../envelope";
import { uuid } from "../ids";
import type { PagesDomainRow } from "../model";
import { type DomainStatus, domainsOf, domainStatus } from "../pages-model";
import { accountLimits } from "../plan";
import { parse } from "../validate";
import { projectOf } from "./pages-projects";
import { isHostname, owningZone } from "./zones";

const needs = ["Pages"];
const path = "/accounts/{account_id}/pages/projects/{project_name}/domains";
const one = `${path}/{domain_name}`;

export const pagesDomainRoutes: readonly Route[] = [
  { method: "POST", path, needs, handle: add },
  {
    method: "GET",
    path,
    needs,
    handle: (call) => {
      const { page, resultInfo } = paginate(domainsOf(call.store, projectOf(call).name), call.query);
      return { result: page.map((row) => domainBody(call, row)), resultInfo };
    },
  },
  { method: "GET", path: one, needs, handle: (call) => ({ result: domainBody(call, found(call)) }) },
  { method: "PATCH", path: one, needs, handle: (call) => ({ result: domainBody(call, found(call)) }) },
  {
    method: "DELETE",
    path: one,
    needs,
    handle: (call) => (call.store.delete("pagesDomains", found(call).name), { result: null }),
  },
];

function found(call: Call): PagesDomainRow {
  const project = projectOf(call);
  const row = call.store.get("pagesDomains", call.params["domain_name"]!.toLowerCase());
  if (row?.project !== project.name) throw refuse(404, 8000021, "The domain was not found in this project.");
  return row;
}

function add(call: Call): Answer {
  const { store } = call;
  const project = projectOf(call);
  const name = parse(z.object({ name: z.string() }), call.body ?? {}, {
    code: 8000005,
    prefix: "Invalid request body: ",
  }).name.toLowerCase();
  if (!isHostname(name) || name.endsWith(`.${call.pagesDomain}`))
    throw refuse(400, 8000017, `Invalid domain name: ${name}`);
  const existing = store.get("pagesDomains", name);
  if (existing?.project === project.name)
    throw refuse(409, 8000018, "You have already added this custom domain.");
  if (existing !== undefined) throw refuse(409, 8000019, "This custom domain is used by another project.");
  if (domainsOf(store, project.name).length >= accountLimits.pagesDomains) {
    throw refuse(
      400,
      8000020,
      `You have reached the limit of ${accountLimits.pagesDomains} custom domains for this project.`,
    );
  }
  const row: PagesDomainRow = {
    id: uuid(),
    project: project.name,
    name,
    wasActive: false,
    createdOn: call.time,
  };
  store.put("pagesDomains", name, row);
  return { result: domainBody(call, row, "initializing") };
}

/** A look at a domain is also a validation: it is remembered that it was active once. */
function domainBody({ store }: Call, row: PagesDomainRow, as?: DomainStatus): object {
  const status = as ?? domainStatus(store, row);
  if (status === "active" && !row.wasActive) store.put("pagesDomains", row.name, { ...row, wasActive: true });
  return {
    id: row.id,
    domain_id: row.id,
    name: row.name,
    status,
    verification_data: {
      status: status === "deactivated" ? "pending" : status === "initializing" ? "pending" : status,
    },
    validation_data: { status: status === "deactivated" ? "pending" : status, method: "http" },
    zone_tag: owningZone(store, row.name)?.id ?? "",
    certificate_authority: "google",
    created_on: row.createdOn,
  };
}
