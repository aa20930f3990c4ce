import { readdirSync, readFileSync } from "node:fs";

/** How many looks a process gets: one that has just been made may still become another program. */
const looks = 6;

/**
 * Looks at all command lines of this machine, many times a second, as `ps` of any user could. Linux only.
 *
 * @example
 * const watch = new CommandLineWatch();
 * try { await run(); } finally { watch.end(); }
 * scan.text("command lines", watch.text());
 */
export class CommandLineWatch {
  private readonly seen = new Set<string>();
  private looked = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(everyMs = 15) {
    this.look();
    this.timer = setInterval(() => this.look(), everyMs);
  }

  /** How many different command lines were seen. */
  get count(): number {
    return this.seen.size;
  }

  /** All that were seen, one a line. */
  text(): string {
    return [...this.seen].join("\n");
  }

  end(): void {
    clearInterval(this.timer);
    this.look();
  }

  private look(): void {
    const before = this.looked;
    this.looked = new Map();
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const count = before.get(pid) ?? 0;
      this.looked.set(pid, count + 1);
      if (count >= looks) continue;
      try {
        this.seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}
