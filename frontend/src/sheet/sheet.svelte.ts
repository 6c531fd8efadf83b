/** The contact sheet: what is shown, what comes next, what a key does. The page only draws what is here. */

import { Columns } from "../lib/columns.svelte";
import { uuid } from "../lib/outbox";
import { count } from "../lib/show";
import { Supply } from "../lib/supply";
import type { Card, QueueAnswer, Task, Value } from "../lib/types";
import { write } from "../lib/unsent.svelte";
import { Clock } from "../label/clock";
import { nameOf } from "../label/line";
import { answers, cut, same, undone, withRows, type Answered, type Mark, type Sheet } from "./line";

const WHOLE = 3000; // milliseconds that a sheet with gaps waits for the rest
const DEPTH = 20; // sheets that can be taken back
const PATIENCE = 15_000; // milliseconds that a picture may take; then it is left out

export type Seen = Card & { thumb?: string };
type SheetAnswer = QueueAnswer & { more: boolean };

export class Contact {
  state = $state<QueueAnswer["state"] | "loading" | "no answer">("loading");
  note = $state("");
  sheet = $state.raw<Sheet | null>(null);
  cursor = $state(0);
  whole = $state(false); // every picture of the sheet is on the screen
  answered = $state(0); // items in this sitting
  last = $state("");
  depth = $state(0);
  readonly columns: Columns;
  private next: Sheet | null = null;
  private asked = ""; // columns, for the address,
  private told = ""; // and those that the cards here have
  private more = false; // the server is choosing further items
  private since = 0; // when the wait for a whole sheet began
  private done: Answered[] = [];
  private taken = new Set<string>();
  private readonly clock = new Clock(undefined, document.visibilityState === "visible");
  private readonly supply: Supply<SheetAnswer>;

  constructor(
    private readonly ask: () => Task,
    readonly purpose: string | null,
    readonly size: number,
  ) {
    this.supply = new Supply({
      task: ask,
      purpose,
      path: (again) => this.path(again),
      take: (answer, behind) => this.take(answer, behind),
      fail: (why, final) => {
        if (!this.sheet) this.state = final ? "done" : "no answer";
        this.note = why;
      },
    });
    this.columns = new Columns(ask().name);
    void this.columns.load().then(() => this.supply.fill());
  }

  close(): void {
    this.supply.close();
  }

  leave(): void {
    this.supply.leave();
  }

  visible(seen: boolean): void {
    this.clock.visible(seen);
    if (seen) void this.supply.fill();
  }

  /** Other columns were chosen: the rows of this sheet anew. */
  reread(): void {
    void this.supply.fill();
  }

  /** Ask the server again at once, where choosing has failed. */
  again(): void {
    void this.supply.fill(true);
  }

  get marked(): number {
    return this.sheet?.marks.filter((mark) => mark !== undefined).length ?? 0;
  }

  mark(position: number, mark: Mark | undefined): void {
    const sheet = this.sheet;
    if (!sheet?.cards[position]) return;
    const marks = sheet.marks.slice();
    marks[position] = same(marks[position], mark) && mark ? undefined : mark;
    this.sheet = { ...sheet, marks };
  }

  /** Answer the sheet: the marks as they are, `others` for the rest. Whether it was done. */
  finish(others: Value): boolean {
    const sheet = this.sheet;
    if (!sheet || !this.whole) return false;
    const labels = answers(sheet, others, this.clock.seconds, uuid);
    for (const one of labels) write(this.ask().name, one);
    this.done = [...this.done, { sheet, labels }].slice(-DEPTH);
    this.depth = this.done.length;
    this.answered += labels.length;
    const odd = this.marked;
    this.last = `${count(labels.length, "item")}: ${odd} marked, ${labels.length - odd} ${others.names?.join(", ") || others.tag}`;
    const part = this.more && (this.next?.cards.length ?? 0) < this.size; // the rest of it is being chosen
    this.show(part ? null : this.next);
    this.next = null;
    void this.supply.fill();
    return true;
  }

  /** Take the last sheet back: it is shown again with its marks. */
  undo(): void {
    const last = this.done.pop();
    if (!last) return;
    this.depth = this.done.length;
    for (const one of undone(last.labels, uuid)) write(this.ask().name, one);
    this.answered = Math.max(0, this.answered - last.labels.length);
    this.next = this.sheet ?? this.next;
    this.last = "Taken back.";
    this.show(last.sheet);
  }

  private show(sheet: Sheet | null): void {
    this.sheet = sheet;
    this.cursor = 0;
    this.whole = false;
    this.clock.start();
    if (!sheet) {
      if (this.state === "ready") this.state = "loading";
      return;
    }
    void this.decoded(sheet).then((bad) => {
      if (this.sheet?.cards !== sheet.cards) return;
      const marks = this.sheet.marks.map((mark, i) => (bad.has(i) ? { tag: "skip" as const } : mark));
      if (bad.size) {
        this.sheet = { ...this.sheet, marks };
        this.last = `${count(bad.size, "picture")} could not be shown, and will be skipped.`;
      }
      this.whole = true;
      this.clock.start();
    });
  }

  /** The positions whose picture cannot be shown, once all others are ready to be painted. */
  private async decoded(sheet: Sheet): Promise<Set<number>> {
    const bad = new Set<number>();
    await Promise.all(
      sheet.cards.map(async (card, i) => {
        const source = (card as Seen).thumb;
        if (!source) return;
        const image = new Image();
        image.src = source;
        const late = new Promise<never>((_, no) => setTimeout(() => no(new Error("late")), PATIENCE));
        await Promise.race([image.decode(), late]).catch(() => bad.add(i));
      }),
    );
    return bad;
  }

  /** This sheet and the next, so that Enter waits for nothing. */
  private path(again: boolean): string {
    const search = new URLSearchParams({ n: String(Math.min(500, this.size * 2)) });
    if (this.purpose) search.set("purpose", this.purpose);
    if (again) search.set("again", "true");
    this.asked = this.columns.search;
    return `sheet?${search.toString()}${this.asked}`;
  }

  private take(answer: SheetAnswer, behind: ReadonlySet<number>): void {
    const gone = this.done.flatMap((one) => one.sheet.cards.map(nameOf));
    this.taken = new Set([...gone, ...(this.sheet?.cards.map(nameOf) ?? [])]);
    this.more = answer.more;
    if (!this.sheet) {
      const first = cut(answer.items, this.size, this.taken, behind);
      this.since ||= Date.now();
      if (first && first.cards.length < this.size && this.more && Date.now() - this.since < WHOLE) {
        this.state = "preparing";
        return this.supply.later(400);
      }
      this.since = 0;
      if (first) this.show(first);
      for (const card of first?.cards ?? []) this.taken.add(nameOf(card));
    }
    if (this.sheet && this.told !== this.asked) {
      this.sheet = withRows(this.sheet, answer.items);
      if (!this.whole) this.show(this.sheet);
    }
    this.told = this.asked;
    this.next = cut(answer.items, this.size, this.taken, behind);
    if (this.next) void this.decoded(this.next);
    this.note = answer.note;
    const sending = answer.items.length > 0 && !this.sheet; // all of them are on their way to the server
    this.state = this.sheet ? "ready" : sending ? "preparing" : answer.state === "ready" ? "done" : answer.state;
    const few = (this.next?.cards.length ?? 0) < this.size && answer.more;
    if (this.told !== this.columns.search) this.supply.later(0); // others have been chosen meanwhile
    else if (this.state === "preparing" || few) this.supply.later(1000);
  }
}
