/** The desk: what happens when a key is pressed, and how the line is kept filled. The page only draws what is here. */

import * as api from "../lib/api";
import { uuid } from "../lib/outbox";
import { reloadTasks } from "../lib/session.svelte";
import { settings } from "../lib/settings";
import { answer as inWords, count, lastPart } from "../lib/show";
import { Supply } from "../lib/supply";
import { say } from "../lib/toasts.svelte";
import type { Card, Mine, QueueAnswer, Task, Value, Words, WordsAnswer } from "../lib/types";
import { unsent, write } from "../lib/unsent.svelte";
import { Clock } from "./clock";
import { Line } from "./line";
import type { Stage } from "./stage";

const ENOUGH = 20; // items in the line
const FEW = 12; // with fewer more are asked for
const GUESS = "labelsieve.guess";
const [SETTLED, AGAIN, PAUSE] = [150, 400, 5000]; // milliseconds before words that speak for a guess are asked for

export interface View {
  card: Card | null;
  mine: Mine | null;
  guess: Card["guess"];
  words: Words | null | undefined; // what its words say of the guess; undefined: nobody has looked yet
  chosen: readonly string[]; // several classes: what is marked so far
  flagged: boolean;
  alone: boolean; // near-duplicates are left out
  depth: number; // answers that can be taken back
  behind: boolean; // an earlier item is shown
  last: string; // what was done just now
}

export class Desk {
  view = $state.raw<View>({
    card: null,
    mine: null,
    guess: null,
    words: undefined,
    chosen: [],
    flagged: false,
    alone: false,
    depth: 0,
    behind: false,
    last: "",
  });
  state = $state<QueueAnswer["state"] | "loading" | "no answer">("loading");
  note = $state("");
  remedy = $state(""); // the kind of job that would help
  left = $state(0);
  answered = $state(0); // in this sitting
  wordsNote = $state(""); // why no words come
  showGuess = $state(settings.getItem(GUESS) === "shown");

  private readonly line = new Line(uuid);
  private readonly clock = new Clock(undefined, document.visibilityState === "visible");
  private stage: Stage | null = null;
  private readonly supply: Supply<QueueAnswer>;
  private asking: ReturnType<typeof setTimeout> | null = null; // for words that speak for guesses
  private reached = false; // the server has no earlier answers
  private fresh: string[] = []; // classes typed here that the server has not told of yet
  private stopHearing: () => void = () => {};

  constructor(
    private readonly ask: () => Task, // anew each time: classes come in while we are here
    readonly purpose: string | null,
  ) {
    this.supply = new Supply({
      task: ask,
      purpose,
      path: (again) => this.path(again),
      take: (found, behind) => this.take(found, behind),
      fail: (why, final) => {
        if (this.line.open) return;
        this.state = final ? "done" : "no answer";
        this.note = why;
      },
    });
  }

  /** Begin, once the stage stands. */
  open(stage: Stage): void {
    this.stage = stage;
    stage.onshow = (card) => card && this.clock.start();
    this.stopHearing = unsent.box?.onAcknowledged((_, answer) => this.arrived(answer.refused.length > 0)) ?? (() => {});
    void this.supply.fill().then(() => this.older());
  }

  close(): void {
    this.supply.close();
    if (this.asking) clearTimeout(this.asking);
    this.stopHearing();
    this.stage?.close();
  }

  leave(): void {
    this.supply.leave();
  }

  visible(seen: boolean): void {
    this.clock.visible(seen);
    if (seen) void this.supply.fill();
  }

  get task(): Task {
    return this.ask();
  }

  get several(): boolean {
    return this.task.kind === "multilabel";
  }

  /** A class was pressed: it answers, or (several classes) it is marked. */
  choose(name: string): void {
    const { card, chosen } = this.view;
    if (!card) return;
    if (this.several) {
      const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
      this.view = { ...this.view, chosen: next };
    } else {
      this.give({ tag: "class", names: [name] });
    }
  }

  /** Several classes: these are all, and those not marked are absent. */
  finish(): void {
    if (this.several && this.view.card) this.give({ tag: "classes", names: [...this.view.chosen] });
  }

  give(value: Value): void {
    const { card, alone } = this.view;
    if (!card) return;
    const body = this.line.answer(value, { seconds: this.clock.seconds, group: !alone });
    if (!body) return;
    this.answered += 1;
    const too = body.group ? `, and ${count(card.group ?? 0, "near-duplicate")} too` : "";
    this.show(`${lastPart(card.key)}: ${inWords(value)}${too}`);
    write(this.task.name, body);
    if (this.line.open < FEW) void this.supply.fill();
  }

  undo(): void {
    const taken = this.line.undo();
    if (!taken) {
      this.show(this.reached ? "There is nothing left to take back." : "Looking for earlier answers ...");
      if (!this.reached) void this.older().then((more) => more && this.undo());
      return;
    }
    this.answered = Math.max(0, this.answered - 1);
    if (taken.missing === null) {
      this.show("Taken back.");
    } else {
      void this.bring(taken.missing);
    }
    write(this.task.name, taken.body);
  }

  look(by: number): void {
    if (this.line.look(by)) this.show("");
    else if (by < 0 && !this.reached) void this.older().then((more) => more && this.line.look(-1) && this.show(""));
  }

  front(): void {
    this.line.toFront();
    this.show("");
  }

  togglePart(): void {
    if (this.view.card?.group) this.view = { ...this.view, alone: !this.view.alone };
  }

  toggleGuess(): void {
    this.showGuess = !this.showGuess;
    settings.setItem(GUESS, this.showGuess ? "shown" : "hidden");
    if (this.view.card?.modality === "text") this.restyle({ guess: this.showGuess });
    else if (this.stage) this.stage.look = { ...this.stage.look, guess: this.showGuess };
    this.wordsSoon();
  }

  /** Where the guess is shown: what words of this text and the next ones say of it, a moment after the last key. */
  private wordsSoon(wait = SETTLED): void {
    if (this.asking) clearTimeout(this.asking);
    this.asking = null;
    if (!this.showGuess || this.supply.closed) return;
    const lacking = this.lacking();
    if (lacking.length) this.asking = setTimeout(() => void this.fetchWords(lacking), wait);
  }

  private lacking(): Card[] {
    const { card } = this.view;
    const here = card ? [card, ...this.line.ahead(8)] : [];
    return here.filter((one) => one.modality === "text" && one.guess && one.words === undefined);
  }

  private async fetchWords(lacking: readonly Card[]): Promise<void> {
    const items = lacking.map((card) => `item=${card.item}`).join("&");
    try {
      const found = await api.get<WordsAnswer>(`/tasks/${encodeURIComponent(this.task.name)}/words?${items}`);
      if (this.supply.closed) return;
      this.wordsNote = found.note;
      const known = new Map(found.items.map((one) => [one.item, one]));
      for (const card of lacking) {
        const one = known.get(card.item);
        if (!one && found.state === "preparing") continue;
        card.words = one ? { speak: one.speak, against: one.against } : null;
        if (one) card.guess = one.guess;
        this.stage?.remake(card);
        if (this.view.card === card) this.view = { ...this.view, guess: card.guess ?? null, words: card.words };
      }
      if (found.state === "preparing") this.wordsSoon(AGAIN);
    } catch {
      this.wordsSoon(PAUSE); // the server is away: labelling goes on without
    }
  }

  async flag(note?: string): Promise<void> {
    const { card } = this.view;
    if (!card) return;
    const path = `/tasks/${encodeURIComponent(this.task.name)}/flags/${card.item}`;
    const raise = note !== undefined || !card.flagged;
    try {
      if (raise) await api.put(path, { note: note ?? "" });
      else await api.remove(path);
      card.flagged = raise;
      if (this.view.card === card) this.view = { ...this.view, flagged: raise };
    } catch (error) {
      const action = { title: "Try again", run: () => void this.flag(note) };
      say(`${card.key} could not be flagged. ${api.inWords(error)}`, { kind: "wrong", action });
    }
  }

  /** Pictures and texts anew, with other words to highlight or another window. */
  restyle(change: Partial<Stage["look"]>): void {
    if (this.stage) this.stage.restyle({ ...this.stage.look, ...change }, this.line.ahead(8));
  }

  /** Ask the server again at once, where choosing has failed. */
  again(): void {
    this.state = "loading";
    void this.supply.fill(true);
  }

  private show(last: string): void {
    const step = this.line.now;
    const card = step?.card ?? null;
    this.stage?.show(card);
    this.view = {
      card,
      mine: step?.mine ?? null,
      guess: card?.guess ?? null,
      words: card?.words,
      chosen: this.several ? (step?.mine?.value.names ?? []) : [],
      flagged: !!card?.flagged,
      alone: false,
      depth: this.line.depth,
      behind: this.line.behind,
      last,
    };
    if (card) requestAnimationFrame(() => this.stage?.ahead(this.line.ahead(8)));
    if (this.showGuess) this.wordsSoon();
  }

  private path(again: boolean): string {
    const waiting = unsent.box?.items(this.task.name).size ?? 0;
    const n = Math.min(500, Math.max(this.line.open, ENOUGH) + waiting);
    const purpose = this.purpose ? `&purpose=${encodeURIComponent(this.purpose)}` : "";
    return `queue?n=${n}${purpose}${again ? "&again=true" : ""}`;
  }

  private take(found: QueueAnswer, behind: ReadonlySet<number>): void {
    this.line.fill(found.items, behind, found.items.length < 500);
    this.left = found.left;
    this.note = found.note;
    this.remedy = found.remedy ?? "";
    this.state = this.line.open ? "ready" : found.state === "ready" ? "preparing" : found.state;
    if (!this.view.card && this.line.now) this.show(this.view.last);
    else this.stage?.ahead(this.line.ahead(8));
    if (this.line.open < FEW && this.state !== "done" && this.state !== "failed") this.supply.later(this.line.open ? 1500 : 500);
  }

  /** The server took answers: what was done may have opened new ways. */
  private arrived(refused: boolean): void {
    if (refused) say("The server refused an answer. It is kept: see “refused” at the top.", { kind: "wrong" });
    if (this.state === "done" || this.line.open < FEW) void this.supply.fill();
    const known = new Set(this.task.classes.map((one) => one.name));
    this.fresh = this.fresh.filter((name) => !known.has(name));
    if (this.fresh.length) void reloadTasks().catch(() => undefined);
  }

  /** A class by its typed name: a new one where the task is open. */
  chooseTyped(name: string): void {
    const said = name.trim();
    if (!said) return;
    if (!this.task.classes.some((one) => one.name === said)) this.fresh.push(said);
    this.choose(said);
  }

  /** Earlier answers from the server; whether there were some. */
  private async older(): Promise<boolean> {
    try {
      for (let i = 0; i < 20 && unsent.standing.unsent > this.answered; i++) await pause(100); // those come first
      const before = this.line.oldest;
      const tail = before ? `&before=${before}` : "";
      const path = `/tasks/${encodeURIComponent(this.task.name)}/answers?n=50${tail}`;
      const { items } = await api.get<{ items: Card[] }>(path);
      if (!items.length) this.reached = true;
      this.line.remember(items);
      this.view = { ...this.view, depth: this.line.depth };
      return items.length > 0;
    } catch {
      return false;
    }
  }

  private async bring(item: number): Promise<void> {
    try {
      const card = await api.get<Card>(`/items/${item}?task=${encodeURIComponent(this.task.name)}`);
      this.line.bring(card);
      this.show("Taken back.");
    } catch (error) {
      say(`The answer was taken back, but its item could not be shown. ${api.inWords(error)}`);
    }
  }
}

const pause = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));
