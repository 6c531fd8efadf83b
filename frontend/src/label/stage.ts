/** The stage: shows one prepared item at a time. On the path of a key it swaps one element and sets one attribute. */

import type { Card } from "../lib/types";
import { nameOf } from "./line";
import { prepare, type Look, type Prepared } from "./prepared";

const AHEAD = 8; // items made ready before their turn
const BEHIND = 12; // items kept ready behind us, for undo and looking back

export class Stage {
  zoom = 1;
  private x = 0;
  private y = 0;
  private shown: Card | null = null;
  private wanted: Card | null = null;
  private readonly ready = new Map<string, Prepared>();
  private painted = true;
  private readonly after: (() => void)[] = [];
  look: Look = { window: null, words: [], guess: false };
  onshow: (card: Card | null) => void = () => {};
  onzoom: (zoom: number) => void = () => {};

  private width = 0;
  private height = 0;
  private scrolled = false;
  private readonly watcher: ResizeObserver;

  constructor(private readonly box: HTMLElement) {
    this.watcher = new ResizeObserver(() => this.measure()); // asking for sizes on the path of a key would cost a layout
    this.watcher.observe(box);
    box.addEventListener("scroll", () => (this.scrolled = true), { passive: true });
    this.measure();
  }

  close(): void {
    this.watcher.disconnect();
  }

  /** Whether the item that should be shown is on the screen, painted at least once. */
  get settled(): boolean {
    return this.painted && this.shown === this.wanted;
  }

  /** Show a card, at once where it is ready; the one shown before stays, dimmed, until it is. */
  show(card: Card | null): void {
    this.wanted = card;
    if (!card) return this.swap(null, null);
    const prepared = this.preparedOf(card);
    if (prepared.done) return this.swap(card, prepared);
    this.box.classList.add("waiting");
    void prepared.ready.then(() => {
      if (this.wanted === card && this.shown !== card) this.swap(card, prepared);
    });
  }

  /** Make ready what comes, and let go what is far behind. */
  ahead(cards: readonly Card[]): void {
    for (const card of cards.slice(0, AHEAD)) this.preparedOf(card);
    const extra = this.ready.size - AHEAD - BEHIND - 1;
    if (extra <= 0) return;
    const keep = new Set(cards.slice(0, AHEAD).map(nameOf));
    if (this.wanted) keep.add(nameOf(this.wanted));
    for (const name of [...this.ready.keys()].filter((one) => !keep.has(one)).slice(0, extra)) this.ready.delete(name);
  }

  /** Everything anew with another look: words to highlight, a window of grey values. */
  restyle(look: Look, next: readonly Card[]): void {
    this.look = look;
    this.ready.clear();
    const card = this.wanted;
    if (card) {
      const prepared = this.preparedOf(card);
      void prepared.ready.then(() => this.wanted === card && this.swap(card, prepared, false));
    }
    this.ahead(next);
  }

  /** One card anew, after something was learnt about it; nothing where it was not made ready. */
  remake(card: Card): void {
    if (!this.ready.delete(nameOf(card)) || this.shown !== card || this.wanted !== card) return;
    const top = this.box.scrollTop;
    this.swap(card, this.preparedOf(card), false);
    if (top) this.box.scrollTop = top;
  }

  /** Call once the item is on the screen, painted. */
  whenSettled(then: () => void): void {
    if (this.settled) then();
    else this.after.push(then);
  }

  /** The picture on the stage, where there is one. */
  get picture(): HTMLImageElement | null {
    return this.shown ? (this.ready.get(nameOf(this.shown))?.image ?? null) : null;
  }

  /** Zoom by a factor, round a point of the stage (its middle, where none is given). */
  zoomBy(factor: number, x = this.width / 2, y = this.height / 2): void {
    const to = Math.min(40, Math.max(1, this.zoom * factor));
    const share = to / this.zoom;
    this.x = to === 1 ? 0 : x - (x - this.x) * share;
    this.y = to === 1 ? 0 : y - (y - this.y) * share;
    this.zoom = to;
    this.place();
  }

  panBy(x: number, y: number): void {
    if (this.zoom === 1) return;
    this.x += x;
    this.y += y;
    this.place();
  }

  reset(): void {
    this.zoom = 1;
    this.x = this.y = 0;
    this.place();
  }

  private measure(): void {
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight;
  }

  /** Whether pixels are shown as they are: only to whoever zooms in. Whole, a small picture is easier to read smooth. */
  private coarse(image: HTMLImageElement): boolean {
    return this.zoom > 1 && image.naturalWidth * 3 < this.width * this.zoom;
  }

  private place(): void {
    const { width: w, height: h } = this;
    this.x = Math.min(0, Math.max(w * (1 - this.zoom), this.x));
    this.y = Math.min(0, Math.max(h * (1 - this.zoom), this.y));
    const image = this.picture;
    if (image) image.style.transform = this.zoom === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    if (image) image.classList.toggle("coarse", this.coarse(image));
    this.onzoom(this.zoom);
  }

  private preparedOf(card: Card): Prepared {
    const name = nameOf(card);
    let prepared = this.ready.get(name);
    if (prepared) {
      this.ready.delete(name); // the last used comes last
    } else {
      prepared = prepare(card, this.look);
    }
    this.ready.set(name, prepared);
    return prepared;
  }

  private swap(card: Card | null, prepared: Prepared | null, anew = true): void {
    const { box } = this;
    this.shown = card;
    if (anew && this.zoom !== 1) {
      this.zoom = 1;
      this.x = this.y = 0;
      this.onzoom(1);
    }
    if (prepared) {
      const { image } = prepared;
      if (image && anew) image.style.transform = "";
      else if (image) this.place();
      if (image) image.classList.toggle("coarse", this.coarse(image));
      box.classList.toggle("reads", !image);
      box.replaceChildren(prepared.element);
    } else {
      box.replaceChildren();
    }
    if (card) box.dataset["key"] = card.key;
    else delete box.dataset["key"];
    box.classList.remove("waiting");
    if (anew && this.scrolled) {
      box.scrollTop = 0;
      this.scrolled = false;
    }
    this.painted = false;
    afterPaint(() => {
      this.painted = true;
      for (const then of this.after.splice(0)) then();
    });
    this.onshow(card);
  }
}

/** Call when the frame that comes has been handed to the screen; soon also where no frame comes. */
function afterPaint(then: () => void): void {
  let called = false;
  const once = () => {
    if (called) return;
    called = true;
    then();
  };
  requestAnimationFrame(() => setTimeout(once, 0));
  setTimeout(once, 120);
}
