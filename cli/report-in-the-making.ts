import type { Environment } from "../automation/environment";
import { openProject } from "../automation/project";
import type { StackConfig } from "../automation/stack-config";
import { type Report, ReportCollector, type ReportEnd } from "../report";
import { knownSecrets } from "./known-secrets";

/** A report that shows no secret of its stack. */
export interface ReportInTheMaking {
  readonly add: ReportCollector["add"];
  /** Takes the settings that the run tells. */
  readonly onConfig: (config: StackConfig) => void;
  /** A run that ended before it told its settings has them read now. Where that cannot be, no text of them was there either. */
  report(end: ReportEnd): Promise<Report>;
}

/**
 * @param kind what is run
 * @param options.config settings that were read already. @default those that the run tells
 * @param options.secrets further texts that it must not show. @default none
 */
export function beginReport(
  environment: Environment,
  kind: Report["kind"],
  {
    config,
    secrets = [],
  }: { readonly config?: StackConfig | undefined; readonly secrets?: readonly string[] } = {},
): ReportInTheMaking {
  const { name: project } = openProject();
  const facts = { kind, project, stack: environment.name };
  const collector = new ReportCollector({ ...facts, secrets: [...knownSecrets(config), ...secrets] });
  let isTold = config !== undefined;
  const onConfig = (told: StackConfig): void => {
    isTold = true;
    for (const secret of knownSecrets(told)) collector.hide(secret);
  };
  return {
    add: collector.add,
    onConfig,
    report: async (end) => {
      if (!isTold) await environment.config().then(onConfig, () => undefined);
      return collector.report(end);
    },
  };
}
