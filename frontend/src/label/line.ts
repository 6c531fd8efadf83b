/** The line of items in front of a person: what was done, what is shown, what comes. No server, no page: pure state. */

import type { Card, LabelBody, Mine, Value } from "../lib/types";

export interface Step {
  card: Card;
  mine: Mine | null; // the person's answer that stands
}

interface Done {
  item: number;
  query: number | null;
  id: string; // of the answer
  before: Mine | null; // what stood before it
}

export interface Given {
  seconds?: number | null;
  group?: boolean;
}

const KEPT = 200; // steps behind us that stay at hand

export class Line {
  steps: Step[] = [];
  at = 0;
  oldest: number | null = null; // the server's number of the earliest answer that it told
  private done: Done[] = [];
  private readonly taken = new Set<string>(); // answers that were taken back here

  constructor(private readonly newId: () => string) {}

  get now(): Step | undefined {
    return this.steps[this.at];
  }

  /** The cards after this one, nearest first. */
  ahead(n: number): Card[] {
    return this.steps.slice(this.at + 1, this.at + 1 + n).map((step) => step.card);
  }

  /** How many of the items here have no answer yet. */
  get open(): number {
    return this.steps.reduce((n, step) => n + (step.mine ? 0 : 1), 0);
  }

  /** How many answers can be taken back without asking the server. */
  get depth(): number {
    return this.done.length;
  }

  /** Whether an earlier item is shown than the first without an answer. */
  get behind(): boolean {
    return this.at < this.nextOpen(0);
  }

  toFront(): void {
    this.at = this.nextOpen(0);
  }

  /** Take in what the server hands out. What is here stays in its order; open items that it no longer names (somebody
  answered them elsewhere) go, except the one that is shown. `waiting` are items whose answer has not arrived there. */
  fill(cards: readonly Card[], waiting: ReadonlySet<number> = new Set(), whole = false): void {
    const named = new Set(cards.map(nameOf));
    const shown = this.now;
    if (whole) {
      this.steps = this.steps.filter((step) => step.mine || step === shown || named.has(nameOf(step.card)));
      this.at = shown ? this.steps.indexOf(shown) : this.steps.length;
    }
    const here = new Set(this.steps.map((step) => nameOf(step.card)));
    const answered = new Set(this.done.map((one) => `${one.query ?? ""}/${one.item}`));
    for (const card of cards) {
      const name = nameOf(card);
      if (here.has(name) || answered.has(name) || waiting.has(card.item)) continue;
      this.steps.push({ card, mine: card.mine ?? null });
      here.add(name);
    }
  }

  /** Answer the item that is shown, and go on. Null where nothing is shown. */
  answer(value: Value, given: Given = {}): LabelBody | null {
    const step = this.now;
    if (!step) return null;
    const { card } = step;
    const query = card.query ?? null;
    const body: LabelBody = { id: this.newId(), item: card.item, value, query };
    if (given.seconds !== undefined) body.seconds = given.seconds;
    if (given.group && card.group) body.group = true;
    if (step.mine) body.supersedes = step.mine.id;
    this.done.push({ item: card.item, query, id: body.id, before: step.mine });
    const again = step.mine !== null;
    step.mine = { id: body.id, value };
    this.at = this.nextOpen(again ? 0 : this.at + 1);
    this.forget();
    return body;
  }

  /** Take the last answer back, and go to its item. `missing` is an item that is no longer at hand. */
  undo(): { body: LabelBody; missing: number | null } | null {
    const last = this.done.pop();
    if (!last) return null;
    this.taken.add(last.id);
    const body: LabelBody = { id: this.newId(), item: last.item, value: null, supersedes: last.id };
    const where = this.steps.findLastIndex((step) => step.mine?.id === last.id);
    if (where < 0) return { body, missing: last.item };
    this.steps[where]!.mine = last.before;
    this.at = where;
    return { body, missing: null };
  }

  /** Earlier answers, newest first, as the server knows them: so that undo reaches back beyond this visit. */
  remember(cards: readonly (Card & { seq?: number })[]): void {
    for (const { seq } of cards) if (seq !== undefined) this.oldest = Math.min(seq, this.oldest ?? seq);
    const here = new Set(this.steps.map((step) => nameOf(step.card)));
    const known = new Set(this.done.map((one) => one.id));
    const older = cards.filter((card) => card.mine && !known.has(card.mine.id) && !this.taken.has(card.mine.id)).reverse();
    this.done.unshift(
      ...older.map((card) => ({ item: card.item, query: card.query ?? null, id: card.mine!.id, before: null })),
    );
    const steps = older.filter((card) => !here.has(nameOf(card))).map((card) => ({ card, mine: card.mine ?? null }));
    this.steps.unshift(...steps);
    this.at += steps.length;
  }

  /** Show an item that had gone from the line: it comes right before the one shown. */
  bring(card: Card): void {
    this.steps.splice(this.at, 0, { card, mine: null });
  }

  /** Look back (-1) or forward (1). Whether there was something. */
  look(by: number): boolean {
    const to = this.at + by;
    if (to < 0 || to >= this.steps.length) return false;
    this.at = to;
    return true;
  }

  /** The first item without an answer at or after `from`, else the first of all, else the end. */
  private nextOpen(from: number): number {
    const after = this.steps.findIndex((step, i) => i >= from && !step.mine);
    if (after >= 0) return after;
    const first = this.steps.findIndex((step) => !step.mine);
    return first >= 0 ? first : this.steps.length;
  }

  private forget(): void {
    const extra = Math.min(this.at - KEPT, this.steps.findIndex((step) => !step.mine) >>> 0);
    if (extra < KEPT / 4) return;
    this.steps.splice(0, extra);
    this.at -= extra;
  }
}

/** An item is asked anew by another query: both count. */
export function nameOf(card: Pick<Card, "item" | "query">): string {
  return `${card.query ?? ""}/${card.item}`;
}
