import { sha256 } from "../hash";
import type { HostLayout } from "../layout";

/** On everything that a host makes in Docker; its value is the host's alone. */
const labelName = "dev.groundwork.sandbox";

export const projectLabel = "com.docker.compose.project";
export const serviceLabel = "com.docker.compose.service";

/** `name=value`, as filters take it. */
export function hostLabel(layout: HostLayout): string {
  return `${labelName}=${hostLabelValue(layout)}`;
}

export function hostLabelValue(layout: HostLayout): string {
  return sha256(layout.directory).slice(0, 16);
}

export { labelName as hostLabelName };
