import type { PreparedImage } from "../config";
import { isGroundworkProxy } from "../images/caddy";
import { fitCaddyConfig, readCaddyConfig } from "../images/caddy-config";
import type { ConfigService } from "./override";

/**
 * What a container of Caddy runs whose configuration is the user's own; nothing for the proxy of an origin, which is made
 * to serve here as well, and for what is no Caddy.
 *
 * @throws Error where Caddy does not take the configuration
 */
export function containerCaddyConfig(
  { command, environment = {}, volumes = [] }: ConfigService,
  image: PreparedImage | undefined,
): object | undefined {
  if (image?.kind !== "caddy" || isGroundworkProxy(volumes)) return undefined;
  const [name, ...words] = command ?? image.command ?? [];
  if (name !== "caddy" || words[0] !== "run") return undefined;
  const locate = (path: string): string => {
    const [mount] = volumes
      .filter(({ type, target }) => type === "bind" && (path === target || path.startsWith(`${target}/`)))
      .sort((one, other) => other.target.length - one.target.length);
    return mount?.source === undefined ? path : `${mount.source}${path.slice(mount.target.length)}`;
  };
  const variables = Object.entries(environment).map(([variable, value]) => [variable, value ?? ""] as const);
  const { program = "" } = image;
  const config = readCaddyConfig({ program, words, environment: Object.fromEntries(variables), locate });
  return fitCaddyConfig(config);
}
