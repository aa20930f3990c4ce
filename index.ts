/** The Pulumi program: a stack's settings -> the platform -> the stack's outputs. */
import { deployFromConfig } from "./platform/platform";

export = deployFromConfig;
