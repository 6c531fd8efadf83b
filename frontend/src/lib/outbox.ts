/** Answers on their way: kept until the server has them, sent in order, again and again, never twice in the ledger.

Every answer has a UUID, so that sending it again changes nothing. One tab sends at a time (a Web Lock); the others hear
of it (BroadcastChannel). What the server refuses is kept and shown until a person decides. */

import { ApiError } from "./api";
import { Journal, openStore, type Entry, type Refused, type Store } from "./keep";
import type { LabelBody, LabelsAnswer } from "./types";

export interface Standing {
  unsent: number; // of this person
  others: number; // of other people, on this device: they wait until that person signs in
  refused: Refused[];
  trouble: string | null; // why nothing goes out at the moment
  late: boolean; // the browser's storage has not opened yet: answers are held by this tab
}

export interface Ways {
  send: (task: string, labels: LabelBody[]) => Promise<LabelsAnswer>;
  locks?: Pick<LockManager, "request"> | null;
  storage?: Storage | null;
  channel?: (name: string) => BroadcastChannel;
  wait?: (milliseconds: number) => Promise<void>;
}

const MOST = 100; // answers a request
const LONGEST = 10_000; // milliseconds between two tries
// The answer itself is at fault, and sending it again would change nothing. All else (signed out, another role, a source
// that is missing, a server in trouble) can be mended while the answers wait.
const FINAL = new Set([400, 404, 410, 413, 415, 422]);

export class Outbox {
  private readonly waiting = new Map<string, Entry>();
  private no: Refused[] = [];
  private trouble: string | null = null;
  private readonly listeners = new Set<(standing: Standing) => void>();
  private readonly acknowledged = new Set<(ids: string[], answer: LabelsAnswer) => void>();
  private sending = false;
  private again = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private heard: ReturnType<typeof setTimeout> | null = null;
  private closed = false;
  private late = false;
  private readonly watches = new Set<{ task: string; items: Set<number> }>(); // of questions on their way
  private readonly channel: BroadcastChannel | null;

  private constructor(
    private readonly name: string,
    private readonly person: string,
    private readonly store: Store,
    private readonly journal: Journal,
    private readonly ways: Ways,
  ) {
    this.channel = ways.channel ? ways.channel(name) : null;
    if (this.channel) this.channel.onmessage = () => this.hear();
  }

  /** The outbox of a person in a project, with what is left from before, already trying to send it. */
  static async open(project: string, person: string, ways: Ways): Promise<Outbox> {
    const name = `labelsieve:${project}`;
    const storage = ways.storage ?? null;
    const { store, late } = await openStore(name);
    const outbox = new Outbox(name, person, store, new Journal(storage, name), ways);
    outbox.late = late !== null;
    void late?.then(() => outbox.moveIn(false));
    await outbox.moveIn(outbox.late);
    return outbox;
  }

  /** The store is there: take in what the journal has, and send what was left. */
  private async moveIn(late: boolean): Promise<void> {
    if (this.closed) return;
    for (const entry of this.journal.left()) {
      if (await this.store.add(entry)) this.journal.forget(entry.id);
    }
    this.late = late;
    await this.reload();
    void this.flush();
  }

  /** Take an answer. Returns at once; nothing here waits. */
  put(task: string, body: LabelBody): void {
    const entry: Entry = { id: body.id, task, person: this.person, at: Date.now(), body };
    this.waiting.set(entry.id, entry);
    this.watch(entry);
    const noted = this.journal.note(entry);
    this.tell();
    void this.store.add(entry).then((lasting) => {
      if (lasting) this.journal.forget(entry.id);
      else if (!noted) this.risk();
      this.announce();
      if (this.tries === 0) void this.flush();
    });
  }

  get standing(): Standing {
    const mine = [...this.waiting.values()].filter((entry) => entry.person === this.person).length;
    return { unsent: mine, others: this.waiting.size - mine, refused: this.no, trouble: this.trouble, late: this.late };
  }

  /** Items of a task whose answer has not reached the server: a queue that still names them is behind. */
  items(task: string): Set<number> {
    return new Set([...this.waiting.values()].filter((e) => e.task === task).map((e) => e.body.item));
  }

  /** Ask the server something about a task. With its answer come the items whose answer of a person was on its way at any
  time between: the server may still name them as open. */
  async during<T>(task: string, ask: () => Promise<T>): Promise<{ found: T; behind: Set<number> }> {
    const watch = { task, items: this.items(task) };
    this.watches.add(watch);
    try {
      return { found: await ask(), behind: watch.items };
    } finally {
      this.watches.delete(watch);
    }
  }

  subscribe(listener: (standing: Standing) => void): () => void {
    this.listeners.add(listener);
    listener(this.standing);
    return () => this.listeners.delete(listener);
  }

  /** Hear what the server has taken. */
  onAcknowledged(listener: (ids: string[], answer: LabelsAnswer) => void): () => void {
    this.acknowledged.add(listener);
    return () => this.acknowledged.delete(listener);
  }

  /** Try at once: the network is back, somebody signed in, a person asked for it. */
  retry(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.tries = 0;
    void this.flush();
  }

  /** Send a refused answer once more, as it is. */
  async resend(id: string): Promise<void> {
    const entry = this.no.find((one) => one.id === id);
    if (!entry) return;
    await this.store.add({ id, task: entry.task, person: entry.person, at: entry.at, body: entry.body });
    await this.discard(id);
    this.retry();
  }

  /** A person says that a refused answer is not needed. */
  async discard(id: string): Promise<void> {
    await this.store.dropRefused(id);
    await this.changed();
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    if (this.heard) clearTimeout(this.heard);
    this.channel?.close();
    this.store.close();
  }

  /** Wait until nothing is on its way or the server cannot be reached: for tests, and before a sign-out. */
  async settled(): Promise<void> {
    while (this.sending) await pause(5);
  }

  private async flush(): Promise<void> {
    if (this.sending || this.closed) {
      this.again = true;
      return;
    }
    this.sending = true;
    try {
      do {
        this.again = false;
        const { locks } = this.ways;
        if (locks) await locks.request(`${this.name}:send`, () => this.sendAll());
        else await this.sendAll();
      } while (this.again && this.tries === 0 && !this.closed);
    } catch (error) {
      this.later(0, String(error));
    } finally {
      this.sending = false;
    }
  }

  private async sendAll(): Promise<void> {
    let most = MOST;
    while (!this.closed) {
      const ready = await this.store.first(this.person, most);
      const task = ready[0]?.task;
      if (task === undefined) return this.fine();
      const other = ready.findIndex((entry) => entry.task !== task);
      const run = other < 0 ? ready : ready.slice(0, other);
      try {
        await this.done(run, await this.ways.send(task, run.map(aged)));
        this.fine();
        most = MOST;
      } catch (error) {
        const failure = error instanceof ApiError ? error : new ApiError(0, String(error));
        if (!FINAL.has(failure.status)) return this.later(failure.wait, failure.detail);
        if (run.length > 1) {
          most = Math.ceil(run.length / 2); // one of them spoils the others: find it
        } else {
          const { id } = run[0]!;
          await this.done(run, { written: 0, known: 0, refused: [{ id, detail: failure.detail, hint: failure.hint }] });
          most = MOST;
        }
      }
    }
  }

  private async done(run: Entry[], answer: LabelsAnswer): Promise<void> {
    if (typeof answer?.written !== "number") throw new ApiError(0, "The server's answer cannot be read.");
    const refused = new Map((answer.refused ?? []).map((one) => [one.id, one]));
    for (const entry of run) {
      const no = refused.get(entry.id);
      if (no) await this.refuse(entry, no.detail, no.hint ?? "");
    }
    const taken = run.map((entry) => entry.id).filter((id) => !refused.has(id));
    await this.store.drop(taken);
    for (const id of taken) this.waiting.delete(id);
    this.journal.forget(...taken);
    this.announce();
    for (const listener of this.acknowledged) listener(taken, answer);
  }

  private async refuse(entry: Entry, detail: string, hint: string): Promise<void> {
    await this.store.refuse({ ...entry, detail, hint });
    this.journal.forget(entry.id);
    await this.changed();
  }

  private risk(): void {
    this.trouble = "This browser has no room to keep answers: leave this tab open until they are sent.";
    this.tell();
  }

  private fine(): void {
    this.tries = 0;
    this.trouble = null;
    this.tell();
  }

  private later(wait: number, why: string): void {
    if (this.closed) return;
    this.tries += 1;
    this.trouble = why;
    const pause = Math.max(wait * 1000, Math.min(LONGEST, 250 * 2 ** this.tries) * (0.75 + Math.random() / 2));
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.flush();
    }, pause);
    this.tell();
  }

  private announce(): void {
    if (!this.closed) this.channel?.postMessage("changed");
  }

  private hear(): void {
    this.heard ??= setTimeout(() => {
      this.heard = null;
      void this.reload();
    }, 100);
  }

  private async changed(): Promise<void> {
    await this.reload();
    this.announce();
  }

  private async reload(): Promise<void> {
    if (this.closed) return;
    const [entries, refused] = await Promise.all([this.store.all(), this.store.refused()]);
    const fresh = this.journal.left(); // pressed a moment ago, not yet in the store
    this.waiting.clear();
    for (const entry of [...entries, ...fresh]) {
      this.waiting.set(entry.id, entry);
      this.watch(entry);
    }
    this.no = refused;
    this.tell();
  }

  private watch(entry: Entry): void {
    for (const one of this.watches) if (one.task === entry.task) one.items.add(entry.body.item);
  }

  private tell(): void {
    const standing = this.standing;
    for (const listener of this.listeners) listener(standing);
  }
}

const pause = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

/** An answer with its age: the server trusts no clock but its own. A clock set back makes it new. */
function aged(entry: Entry): LabelBody {
  return { ...entry.body, age: Math.max(0, (Date.now() - entry.at) / 1000) };
}

/** A UUID, also where the page has no secure context (http on a local network). */
export function uuid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
