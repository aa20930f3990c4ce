import { randomName } from "./parts";

/** Values by a random name, each for a while. */
export class Expiring<T> {
  private readonly entries = new Map<string, { readonly value: T; readonly until: number }>();

  /** @param most so many at a time; more are no person's doing, and the oldest go */
  constructor(
    private readonly lifetimeMs: number,
    private readonly most = 1_000,
  ) {}

  /** @returns the name */
  add(value: T, now: number): string {
    const name = randomName();
    this.entries.set(name, { value, until: now + this.lifetimeMs });
    for (const [old, { until }] of this.entries) {
      if (until > now && this.entries.size <= this.most) break;
      this.entries.delete(old);
    }
    return name;
  }

  get(name: string, now: number): T | undefined {
    const entry = this.entries.get(name);
    return entry !== undefined && entry.until > now ? entry.value : undefined;
  }

  /** Once: afterwards it is gone. */
  take(name: string, now: number): T | undefined {
    const value = this.get(name, now);
    this.entries.delete(name);
    return value;
  }
}
