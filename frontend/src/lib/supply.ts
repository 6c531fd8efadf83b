/** Items leased to this person: asked for again and again while the page is there, given back when it is left. */

import * as api from "./api";
import type { Task } from "./types";
import { during, unsent } from "./unsent.svelte";

const RENEW = 240_000; // milliseconds: leases last ten minutes

/** Any answer that hands items out. `until` is when their leases end, as the server says it. */
interface Handed {
  items: { item: number }[];
  until: string;
}

/** What a page does with the items. `behind` are those whose answer had not arrived when the server chose them. */
interface Taker<A extends Handed> {
  task: () => Task; // anew each time: classes come in while we are here
  purpose: string | null;
  path: (again: boolean) => string; // below the task
  take: (answer: A, behind: ReadonlySet<number>) => void;
  fail: (why: string, final: boolean) => void; // `final`: asking again changes nothing
}

export class Supply<A extends Handed> {
  closed = false;
  private filling = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lease: { task: string; until: string; items: number[] } | null = null; // what the server said last
  private readonly tabs = typeof BroadcastChannel === "function" ? new BroadcastChannel("labelsieve.desk") : null;
  private readonly renewal: ReturnType<typeof setInterval>;

  constructor(private readonly taker: Taker<A>) {
    const renew = () => document.visibilityState === "visible" && void this.fill();
    this.renewal = setInterval(renew, RENEW);
    if (this.tabs) this.tabs.onmessage = renew; // another tab has given back what may be here too
  }

  /** Ask the server; `again`: also where choosing has failed just now. */
  async fill(again = false): Promise<void> {
    if (this.filling || this.closed) return;
    this.filling = true;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const { task, purpose, path, take, fail } = this.taker;
    try {
      const name = task().name;
      const { found, behind } = await during(name, () => api.get<A>(`/tasks/${encodeURIComponent(name)}/${path(again)}`));
      this.lease = { task: name, until: found.until, items: found.items.map((one) => one.item) };
      if (this.closed) return this.giveBack(); // the page was left while the server chose them
      this.tries = 0;
      take(found, behind);
    } catch (error) {
      if (this.closed) return;
      // no audit is open, say
      const final = purpose === "certify" && error instanceof api.ApiError && (error.status === 409 || error.status === 422);
      fail(api.inWords(error), final);
      if (final) return;
      this.tries += 1;
      this.later(Math.min(10_000, 500 * 2 ** this.tries));
    } finally {
      this.filling = false;
      if (this.closed) this.tabs?.close();
    }
  }

  later(milliseconds: number): void {
    if (this.closed) return;
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.fill(), milliseconds);
  }

  /** The page is left: what has no answer goes to others, unless this person asks for it again within seconds (a reload,
  another tab). */
  leave(): void {
    if (!this.closed) this.giveBack();
  }

  close(): void {
    this.leave();
    this.closed = true;
    clearInterval(this.renewal);
    if (this.timer) clearTimeout(this.timer);
    if (!this.tabs) return;
    this.tabs.onmessage = null;
    if (!this.filling) this.tabs.close();
  }

  private giveBack(): void {
    if (!this.lease) return;
    const { task, until } = this.lease;
    const waiting = unsent.box?.items(task) ?? new Set<number>();
    const items = this.lease.items.filter((item) => !waiting.has(item)); // an answer that has arrived ended its lease
    if (!items.length) return;
    api.farewell(`/tasks/${encodeURIComponent(task)}/leave`, { items, until });
    this.tabs?.postMessage("left");
  }
}

/** Tell whenever the page is seen or hidden, and when it is left. Returns what ends that. */
export function attend(visible: (seen: boolean) => void, leave: () => void): () => void {
  const seen = () => visible(document.visibilityState === "visible");
  const again = (event: PageTransitionEvent) => event.persisted && seen();
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", again);
  return () => {
    document.removeEventListener("visibilitychange", seen);
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", again);
  };
}
