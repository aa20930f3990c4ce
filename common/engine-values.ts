/** How the engine marks values that are not plain JSON. Source: the Pulumi SDK's `runtime/rpc`. */

/** The member that a marked value has; its value is one of {@link marks}. */
export const markKey = "4dabf18193072939515e22adb298388d";

export const marks = {
  secret: "1b47061264138c4ac30d75fd1eb44270",
  output: "d0e6a833031e9bbcd3f4e8bde6ca49a4",
  asset: "c44067f5952c0a294b673a41bacd8c17",
  archive: "0def7320c3a5731c473e5ecbe6d01bc7",
} as const;

/** Stands for a value of any type that is known only after the run. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The protocol has a text for each type that a value would have. */
export const unknownTexts: ReadonlySet<string> = new Set([
  unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** The type of the resource that is the stack itself: what a program's outputs are of. */
export const stackType = "pulumi:pulumi:Stack";
