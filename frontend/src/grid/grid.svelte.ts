/** The grid's state: which view, what is selected, what was done. The page draws it, geometry.ts says where. */

import * as api from "../lib/api";
import { Columns } from "../lib/columns.svelte";
import { uuid } from "../lib/outbox";
import { answer as inWords, count } from "../lib/show";
import { say } from "../lib/toasts.svelte";
import type { Task, Value } from "../lib/types";
import { unsent, write } from "../lib/unsent.svelte";
import { idsOf, tree, type Wanted } from "./filter";
import { Pages, type Tile } from "./pages";
import { has, NOTHING, portions, size, type Ranges } from "./selection";

const BY_HAND = 500; // with more the server is given ranges, not items
const PORTION = 5000; // positions in one request
const DEPTH = 50; // acts that can be taken back

interface Act {
  text: string;
  labels?: { item: number; id: string; before: Tile["label"] }[];
  bulk?: { id: string; view: string; ranges: Ranges };
}

interface Made {
  state: "ready" | "preparing";
  view: string;
  total: number | null;
  job: { id: number; state: string } | null;
}

export interface Running {
  text: string;
  done: number;
  of: number;
}

export class Grid {
  state = $state<"loading" | "preparing" | "ready" | "failed">("loading");
  trouble = $state("");
  total = $state(0);
  view = $state("");
  version = $state(0); // grows when tiles have come or changed
  selected = $state.raw<Ranges>(NOTHING);
  cursor = $state(0);
  running = $state.raw<Running | null>(null);
  acts = $state.raw<readonly Act[]>([]);
  last = $state(""); // what was done just now
  pages: Pages | null = null;
  private readonly first: Promise<void>; // the columns are known before the first tiles are asked for
  private asked = 0;
  private stop: AbortController | null = null;
  private stopHearing: () => void = () => {};

  readonly columns: Columns;

  constructor(readonly task: Task) {
    this.columns = new Columns(task.name);
    this.first = this.columns.load();
    this.stopHearing = unsent.box?.onAcknowledged(() => this.pages?.refresh()) ?? (() => {});
  }

  close(): void {
    this.asked += 1;
    this.stop?.abort();
    this.stopHearing();
    this.pages?.close();
  }

  private get path(): string {
    return `/tasks/${encodeURIComponent(this.task.name)}`;
  }

  /** Ask for a view. What is shown stays until the new one is there; what was selected goes. */
  async show(wanted: Wanted, quiet = false): Promise<void> {
    const mine = ++this.asked;
    if (!quiet && this.state !== "ready") this.state = "loading";
    const ids = wanted.ids ? idsOf(wanted.ids) : null;
    if (wanted.ids && !ids) say("The selection that this page showed has gone; all items are shown.");
    try {
      let made: Made;
      for (;;) {
        const body = { filter: tree(wanted), sort: wanted.sort, near: wanted.near, ids };
        made = await api.post<Made>(`${this.path}/views`, body);
        if (mine !== this.asked) return;
        if (made.state === "ready") break;
        this.state = "preparing";
        await this.ended(made.job!.id, mine);
        if (mine !== this.asked) return;
      }
      await this.first;
      if (mine !== this.asked) return;
      this.pages?.close();
      this.pages = new Pages(made.view, made.total ?? 0, (error) => this.arrived(error, wanted), undefined, () => this.columns.search);
      this.view = made.view;
      this.total = made.total ?? 0;
      this.selected = NOTHING;
      this.cursor = 0;
      this.state = "ready";
      this.version += 1;
    } catch (error) {
      if (mine !== this.asked) return;
      this.trouble = api.inWords(error);
      this.state = "failed";
    }
  }

  private async ended(job: number, mine: number): Promise<void> {
    for (;;) {
      await new Promise((done) => setTimeout(done, 400));
      if (mine !== this.asked) return;
      const jobs = await api.get<{ id: number; state: string; result: { error?: string } }[]>(`/jobs?before=${job + 1}&limit=1`);
      const found = jobs.find((one) => one.id === job);
      if (found?.state === "failed") throw new Error(found.result.error ?? "The search for what is alike has failed.");
      if (!found || found.state === "done" || found.state === "cancelled") return;
    }
  }

  private arrived(error: unknown, wanted: Wanted): void {
    if (error instanceof api.ApiError && error.status === 404) void this.show(wanted, true);
    else if (error) say(`Some items could not be loaded. ${api.inWords(error)}`, { kind: "wrong" });
    this.version += 1;
  }

  tile(position: number): Tile | undefined {
    void this.version;
    return this.pages?.at(position);
  }

  isSelected(position: number): boolean {
    return has(this.selected, position);
  }

  get chosen(): number {
    return size(this.selected);
  }

  /** What a class key acts on: what is selected, else the tile at the cursor. */
  get target(): Ranges {
    if (this.selected.length) return this.selected;
    return this.total ? [[this.cursor, this.cursor + 1]] : NOTHING;
  }

  /** Give one value to the target; null takes one's labels away. Few go through the outbox, many in portions. */
  async give(value: Value): Promise<void> {
    const ranges = this.target;
    const n = size(ranges);
    if (!n || !this.pages) return;
    const text = `${count(n, "item")}: ${inWords(value)}`;
    const tiles = n <= BY_HAND ? this.pages.known(ranges) : null;
    if (tiles) {
      const labels = tiles.map((tile) => ({ item: tile.item, id: uuid(), before: tile.label }));
      for (const one of labels) write(this.task.name, { id: one.id, item: one.item, value });
      const done = new Set(labels.map((one) => one.item));
      this.pages.change((tile) => done.has(tile.item), (tile) => ({ ...tile, label: fresh(value) }));
      this.remember({ text, labels });
      this.selected = NOTHING;
      return;
    }
    const act = { id: uuid(), view: this.view, ranges };
    this.selected = NOTHING;
    if (await this.send(text, ranges, (part) => ({ id: act.id, value, view: act.view, ranges: part }))) this.pages.refresh();
    this.remember({ text, bulk: act });
  }

  /** Take the last act back. */
  async undo(): Promise<void> {
    const [last, ...rest] = this.acts;
    if (!last || this.running) return;
    this.acts = rest;
    if (last.labels) {
      const before = new Map(last.labels.map((one) => [one.item, one.before]));
      for (const one of last.labels) write(this.task.name, { id: uuid(), item: one.item, value: null, supersedes: one.id });
      this.pages?.change((tile) => before.has(tile.item), (tile) => ({ ...tile, label: before.get(tile.item) ?? null }));
    } else if (last.bulk) {
      const { id, view, ranges } = last.bulk;
      const undo = uuid();
      await this.send(`Taking back: ${last.text}`, ranges, (part) => ({ id: undo, undo: id, view, ranges: part }));
      this.pages?.refresh();
    }
    this.last = `Taken back: ${last.text}`;
  }

  cancel(): void {
    this.stop?.abort();
  }

  private remember(act: Act): void {
    this.acts = [act, ...this.acts].slice(0, DEPTH);
    this.last = act.text;
  }

  /** Send portion by portion; the same portion again is harmless, so a server that is away is waited for. */
  private async send(text: string, ranges: Ranges, body: (part: Ranges) => object): Promise<boolean> {
    const stop = new AbortController();
    this.stop = stop;
    const all = portions(ranges, PORTION);
    let done = 0;
    this.running = { text, done, of: size(ranges) };
    const leaving = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", leaving);
    try {
      for (const part of all) {
        await this.persist(() => api.post(`${this.path}/labels`, { labels: [], bulk: body(part) }, { signal: stop.signal, timeout: 120_000 }), stop);
        done += size(part);
        this.running = { text, done, of: size(ranges) };
      }
      return true;
    } catch (error) {
      const so_far = `${count(done, "item")} of ${count(size(ranges), "item")} are done`;
      if (stop.signal.aborted) say(`Stopped: ${so_far}.`);
      else say(`${api.inWords(error)} ${so_far}.`, { kind: "wrong" });
      return done > 0;
    } finally {
      removeEventListener("beforeunload", leaving);
      this.running = null;
    }
  }

  private async persist(run: () => Promise<unknown>, stop: AbortController): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await run();
        return;
      } catch (error) {
        const again = error instanceof api.ApiError && (error.status === 0 || error.status >= 500 || error.status === 429);
        if (!again || stop.signal.aborted) throw error;
        await new Promise((done) => setTimeout(done, Math.min(8000, 250 * 2 ** tries)));
      }
    }
  }
}

function fresh(value: Value): Tile["label"] {
  return { ...value, people: 1, differ: false };
}
