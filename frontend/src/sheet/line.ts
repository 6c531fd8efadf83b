/** Contact sheets in front of a person: the one that is shown, the next, those that were answered. Pure state. */

import { nameOf } from "../label/line";
import type { Card, LabelBody, Value } from "../lib/types";

export type Mark = Value | null; // null: like all the others

export interface Sheet {
  cards: Card[];
  marks: (Mark | undefined)[];
}

export interface Answered {
  sheet: Sheet;
  labels: LabelBody[];
}

export const OUT: Value = { tag: "skip" };

/** The next sheet out of what the server hands out: none of those that are shown, answered or on their way. */
export function cut(cards: readonly Card[], n: number, taken: ReadonlySet<string>, waiting: ReadonlySet<number>): Sheet | null {
  const free = cards.filter((card) => !taken.has(nameOf(card)) && !waiting.has(card.item)).slice(0, n);
  return free.length ? { cards: free, marks: free.map((card) => (card.fault ? OUT : undefined)) } : null;
}

/** The same sheet, its rows as the server tells them now. */
export function withRows(sheet: Sheet, told: readonly Card[]): Sheet {
  const rows = new Map(told.map((card) => [nameOf(card), card.row]));
  return { ...sheet, cards: sheet.cards.map((card) => ({ ...card, row: rows.get(nameOf(card)) ?? card.row ?? null })) };
}

/** The mark after one more click: through the classes that are offered, then none. */
export function cycled(mark: Mark | undefined, names: readonly string[], several: boolean): Mark | undefined {
  const at = mark?.names?.length ? names.indexOf(mark.names[0]!) : -1;
  const next = mark && at < 0 ? undefined : names[at + 1];
  return next === undefined ? undefined : named(next, several);
}

export function named(name: string, several: boolean): Value {
  return { tag: several ? "classes" : "class", names: [name] };
}

export function same(a: Mark | undefined, b: Mark | undefined): boolean {
  return a?.tag === b?.tag && (a?.names ?? []).join("\n") === (b?.names ?? []).join("\n");
}

/** The answers of a sheet: the marks, and `others` for the rest. `seconds` is the time of the whole sheet. */
export function answers(sheet: Sheet, others: Value, seconds: number, id: () => string): LabelBody[] {
  const each = Math.round((seconds / Math.max(1, sheet.cards.length)) * 1000) / 1000;
  return sheet.cards.map((card, i) => {
    const body: LabelBody = { id: id(), item: card.item, value: sheet.marks[i] ?? others, query: card.query ?? null, seconds: each };
    if (card.group) body.group = true;
    return body;
  });
}

/** What takes the answers of a sheet back. */
export function undone(labels: readonly LabelBody[], id: () => string): LabelBody[] {
  return labels.map((one) => ({ id: id(), item: one.item, value: null, supersedes: one.id }));
}

/** Columns for `n` tiles in a box so that all are seen and as large as can be; on narrow screens they scroll. */
export function columnsFor(n: number, width: number, height: number, least: number, foot: number): { columns: number; side: number } {
  let best = { columns: 1, side: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const side = Math.floor(Math.min(width / columns, height / rows - foot));
    if (side > best.side) best = { columns, side };
  }
  if (best.side >= least) return best;
  const columns = Math.max(1, Math.floor(width / least));
  return { columns, side: Math.floor(width / columns) };
}
