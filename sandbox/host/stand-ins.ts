import { readJson, withFileLock, writeJson } from "./files";
import { hostLayout, type HostLayout } from "./layout";

/** Services of a host that a stand-in runs in place of: `<project>/<service>` -> the image that is not to be had. */
export type StandIns = Readonly<Record<string, string>>;

/** What runs by a stand-in on the host in a folder; nothing where there is no host. */
export function standInsOf(directory: string): StandIns {
  return readJson<StandIns>(hostLayout(directory).standInsFile) ?? {};
}

/** Notes that a service is run by a stand-in, or with `undefined` that it is not. */
export async function noteStandIn(
  layout: HostLayout,
  service: string,
  image: string | undefined,
): Promise<void> {
  if ((readJson<StandIns>(layout.standInsFile) ?? {})[service] === image) return;
  await withFileLock(layout.standInsFile, () => {
    const { [service]: _, ...others } = readJson<StandIns>(layout.standInsFile) ?? {};
    writeJson(layout.standInsFile, image === undefined ? others : { ...others, [service]: image });
    return Promise.resolve();
  });
}
