import type { CommandDeclaration } from "../command";
import { envExtend } from "./extend";
import { envGc } from "./gc";
import { envList } from "./list";
import { envUp } from "./up";

/** `groundwork env …`: environments of pull requests. */
export const envCommands = [envUp, envList, envExtend, envGc] as readonly CommandDeclaration[];
