import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../../common/processes";
import { flag, isSet, type ParsedArguments } from "../docker/arguments";
import { isActive, type ServiceStore, type StoredService } from "./store";
import { parseDuration } from "./words";

const print = (text: string): void => {
  process.stdout.write(text);
};

/** `compose logs`, with `--follow` until none of the services runs any more. */
export async function showLogs(
  store: ServiceStore,
  parsed: ParsedArguments,
  services: readonly StoredService[],
): Promise<void> {
  const tail = flag(parsed, "tail") ?? "all";
  const width = Math.max(0, ...services.map(({ spec }) => spec.service.length + 2));
  const format = (service: StoredService, line: string): string => {
    const [time = "", , ...text] = line.split(" ");
    const prefix = isSet(parsed, "no-log-prefix") ? "" : `${`${service.spec.service}-1`.padEnd(width)}  | `;
    return `${prefix}${isSet(parsed, "timestamps") ? `${time} ` : ""}${text.join(" ")}\n`;
  };
  const since = sinceTime(flag(parsed, "since"));
  const read = (service: StoredService): string[] => readLog(service).filter((line) => line >= since);
  const shown = new Map<StoredService, number>();
  for (const service of services) {
    const all = read(service);
    shown.set(service, all.length);
    print(
      (tail === "all" ? all : all.slice(Math.max(0, all.length - Number(tail))))
        .map((line) => format(service, line))
        .join(""),
    );
  }
  while (isSet(parsed, "follow") && services.some(({ folder }) => isActive({ state: store.state(folder) }))) {
    await sleep(100);
    for (const service of services) {
      const all = read(service);
      print(
        all
          .slice(shown.get(service))
          .map((line) => format(service, line))
          .join(""),
      );
      shown.set(service, all.length);
    }
  }
}

/** `logs --since`: a time, or how long ago. As the text that log lines begin with. */
function sinceTime(since: string | undefined): string {
  if (since === undefined) return "";
  const time = Date.parse(since);
  return new Date(Number.isNaN(time) ? Date.now() - parseDuration(since) : time).toISOString();
}

function readLog({ folder }: StoredService): string[] {
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch {
      return "";
    }
  };
  return (read("log.old") + read("log")).split("\n").filter((line) => line !== "");
}
