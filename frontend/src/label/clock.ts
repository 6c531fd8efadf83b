/** How long an item was looked at: not while the tab is hidden, and never more than LONGEST. */

export const LONGEST = 300; // seconds: beyond that somebody was away

export class Clock {
  private since: number | null = null;
  private gathered = 0;

  constructor(
    private readonly now: () => number = () => performance.now(),
    private seen = true,
  ) {
    this.start();
  }

  /** An item is shown. */
  start(): void {
    this.gathered = 0;
    this.since = this.seen ? this.now() : null;
  }

  /** The tab was hidden, or is seen again. */
  visible(seen: boolean): void {
    if (seen === this.seen) return;
    this.seen = seen;
    if (seen) this.since = this.now();
    else if (this.since !== null) {
      this.gathered += this.now() - this.since;
      this.since = null;
    }
  }

  /** Seconds since start, three digits behind the point. */
  get seconds(): number {
    const running = this.since === null ? 0 : this.now() - this.since;
    return Math.round(Math.min(LONGEST, (this.gathered + running) / 1000) * 1000) / 1000;
  }
}
