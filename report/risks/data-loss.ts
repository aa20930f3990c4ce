import type { Risk } from "../model";
import { type ResourceChange, goes } from "../resource-change";
import { textAt } from "../values";
import { stepOf } from "../words";
import type { RiskRule } from "./rule";

/** Types of any provider that keep data. */
const keepsData =
  /(?:bucket|volume|database|dbinstance|dbcluster|cluster|table|filesystem|disk|snapshot|keyvalue|namespace|d1database|queue)$/i;
/** Matches of that which only describe something. */
const onlyDescribes =
  /(?:policy|cors|lifecycle|notification|acl|attachment|grant|binding|domain|parametergroup|subnetgroup)$/i;

export const dataLoss: RiskRule = (change) => {
  const risk = (level: Risk["level"], text: string): Risk[] => [{ kind: "data loss", level, text }];
  if (goes(change)) {
    if (change.kind === "R2Bucket") {
      return risk(
        "danger",
        `everything in the bucket ${textAt(change.before, "name") ?? change.name} is lost`,
      );
    }
    if (change.kind === "PagesProject")
      return risk("warning", "its deployments and their addresses are lost");
    if (isGeneratedSecret(change)) return generatedSecret(change, risk);
    if (keepsData.test(change.kind) && !onlyDescribes.test(change.kind)) {
      return risk("danger", `what ${change.name} keeps is lost`);
    }
    return [];
  }
  const makes = change.operation === "create" || change.operation === "update";
  if (makes && change.kind === "R2BucketLifecycle") {
    return risk(
      "warning",
      `objects of ${textAt(change.after, "bucketName") ?? "the bucket"} are deleted when they reach the age in its rules`,
    );
  }
  if (makes && stepOf(change) === "migrations") return risk("notice", "migrations may change or remove data");
  return [];
};

function isGeneratedSecret({ kind, type }: ResourceChange): boolean {
  return (
    type.startsWith("random:") && ["RandomPassword", "RandomBytes", "RandomString", "RandomId"].includes(kind)
  );
}

/** A password of a component is set anew wherever it is used; what a program encrypted with a key of its own is not. */
function generatedSecret(
  change: ResourceChange,
  risk: (level: Risk["level"], text: string) => Risk[],
): Risk[] {
  if (change.componentType !== "") return [];
  return risk(
    change.operation === "replace" ? "danger" : "warning",
    "what was encrypted or signed with the old value cannot be read any more",
  );
}
