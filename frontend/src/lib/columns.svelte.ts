/** Which columns of table rows tiles show: those that tell most, as the server weighs them, or those a person chose. */

import * as api from "./api";
import { names, shownOf, type Order } from "./cells";
import { session } from "./session.svelte";
import { settings } from "./settings";

/** The columns of one page: asked for once, so that they stay while somebody works there. */
export class Columns {
  order = $state.raw<Order | null>(null);
  chosen = $state.raw<string[] | null>(null);
  readonly shown = $derived(shownOf(this.order, this.chosen));
  private readonly key: string;

  constructor(private readonly task: string) {
    this.key = `labelsieve.columns.${session.me?.id ?? session.me?.project}.${task}`;
    this.chosen = names(settings.getItem(this.key));
  }

  /** Whether there is something to choose. */
  get several(): boolean {
    return (this.order?.columns.length ?? 0) > 1;
  }

  /** For an address: `&column=...`; nothing where the pool has no rows, or the server did not say. */
  get search(): string {
    return this.shown.map((name) => `&column=${encodeURIComponent(name)}`).join("");
  }

  async load(): Promise<void> {
    this.order = await api.get<Order>(`/tasks/${encodeURIComponent(this.task)}/columns`).catch(() => null);
  }

  /** These from now on; null: those that tell most. */
  choose(columns: readonly string[] | null): void {
    this.chosen = columns ? [...columns] : null;
    if (columns) settings.setItem(this.key, JSON.stringify(columns));
    else settings.removeItem(this.key);
  }
}
