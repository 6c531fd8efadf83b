/** Tiles of a view as they are needed: fetched a page at a time, those out of sight given up, old ones forgotten. */

import * as api from "../lib/api";
import type { Value } from "../lib/types";

export const PAGE = 100;
const KEPT = 60; // pages

export interface Tile {
  item: number;
  key: string;
  modality: "image" | "text" | "row" | "embedding";
  thumb?: string;
  text?: string;
  row?: Record<string, unknown>;
  numbers?: number[];
  fault?: string;
  label: (Value & { people: number; differ: boolean }) | null;
  guess: string | null;
  p: number | null;
  flagged: boolean;
}

interface Answer {
  total: number;
  start: number;
  items: Tile[];
}

type Fetch = (path: string, options: { signal: AbortSignal }) => Promise<Answer>;

export class Pages {
  private readonly tiles = new Map<number, Tile[]>();
  private readonly loading = new Map<number, AbortController>();
  private readonly stale = new Set<number>();
  private broken = 0;

  constructor(
    readonly view: string,
    readonly total: number,
    private readonly changed: (error?: unknown) => void,
    private readonly fetch: Fetch = (path, options) => api.get<Answer>(path, options),
    private readonly columns: () => string = () => "", // what tiles of rows show, for the address
  ) {}

  at(position: number): Tile | undefined {
    return this.tiles.get(Math.floor(position / PAGE))?.[position % PAGE];
  }

  /** See to it that the positions [start, stop) come; what is on its way and no longer needed is given up. */
  need(start: number, stop: number): void {
    const first = Math.floor(start / PAGE);
    const last = Math.floor(Math.max(start, stop - 1) / PAGE);
    for (const [page, control] of this.loading) if (page < first - 1 || page > last + 1) control.abort();
    for (let page = first; page <= last; page++) {
      const known = this.tiles.get(page);
      if (known) {
        this.tiles.delete(page); // newest last
        this.tiles.set(page, known);
      }
      if ((!known || this.stale.has(page)) && !this.loading.has(page)) void this.load(page);
    }
  }

  /** All positions of ranges that are known; null where one is not. */
  known(ranges: readonly (readonly [number, number])[]): Tile[] | null {
    const out: Tile[] = [];
    for (const [start, stop] of ranges) {
      for (let at = start; at < stop; at++) {
        const tile = this.at(at);
        if (!tile) return null;
        out.push(tile);
      }
    }
    return out;
  }

  /** Change what is known of tiles, until the server tells it anew. */
  change(which: (tile: Tile) => boolean, how: (tile: Tile) => Tile): void {
    for (const [page, tiles] of this.tiles) this.tiles.set(page, tiles.map((tile) => (which(tile) ? how(tile) : tile)));
    this.changed();
  }

  /** What is known may be old: it is shown until the new is there. */
  refresh(): void {
    for (const page of this.tiles.keys()) this.stale.add(page);
    this.changed();
  }

  close(): void {
    for (const control of this.loading.values()) control.abort();
  }

  private async load(page: number): Promise<void> {
    const control = new AbortController();
    this.loading.set(page, control);
    try {
      const start = page * PAGE;
      const path = `/views/${encodeURIComponent(this.view)}?start=${start}&stop=${Math.min(start + PAGE, this.total)}${this.columns()}`;
      const answer = await this.fetch(path, { signal: control.signal });
      this.tiles.delete(page);
      this.tiles.set(page, answer.items);
      this.stale.delete(page);
      this.broken = 0;
      for (const old of [...this.tiles.keys()].slice(0, Math.max(0, this.tiles.size - KEPT))) this.tiles.delete(old);
      this.loading.delete(page);
      this.changed();
    } catch (error) {
      this.loading.delete(page);
      if (control.signal.aborted) return;
      this.broken += 1;
      const gone = error instanceof api.ApiError && error.status === 404;
      if (gone || this.broken > 6) this.changed(error);
      else setTimeout(() => !control.signal.aborted && this.changed(), Math.min(8000, 300 * 2 ** this.broken)); // asks again
    }
  }
}
