import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import type { SandboxImage } from "../../sandbox/host/images/image";

/**
 * The sample API as the sandbox's host makes it from local files, under the name of Streampai's own image. As in a
 * Phoenix release, `bin/server` serves and `bin/migrate` brings the database up to date and ends. It listens on 4000,
 * and with TLS on 4443 when TLS_CERT_FILE and TLS_KEY_FILE are set.
 *
 * Its bundles must have been built: bin/build.js does, before anything of the project runs.
 */
export function sampleImage(): SandboxImage {
  const root = projectRoot();
  const api = join(root, "examples", "streampai", "api");
  return {
    names: ["ghcr.io/nxy7/streampai-elixir"],
    kind: "node-app",
    files: {
      "server.js": join(root, "dist", "examples", "streampai-api.js"),
      "migrate.js": join(root, "dist", "examples", "streampai-migrate.js"),
      migrations: join(api, "migrations"),
      bin: join(api, "bin"),
    },
    command: ["bin/server"],
    workingDirectory: "/app",
  };
}
