/** `npm run bench [NAME …]`: prints measurements side by side. Ratios of one run compare; seconds alone do not. */
import { db } from "./db";
import { deploy } from "./deploy";
import { edge } from "./edge";
import { killMatrix } from "./kill-matrix";
import { preview } from "./preview";

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  preview,
  deploy,
  edge,
  db,
};

/** Run by name only: it proves, and takes minutes. */
const proofs: typeof benches = { "kill-matrix": killMatrix };

async function main(args: readonly string[]): Promise<void> {
  const names = args.filter((arg) => !arg.startsWith("-"));
  const options = args.filter((arg) => arg.startsWith("-"));
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    const bench = benches[name] ?? proofs[name];
    if (bench === undefined)
      throw new Error(`no bench ${name}; there are ${Object.keys({ ...benches, ...proofs }).join(", ")}`);
    await bench(options);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
