/** Where unsent answers wait: IndexedDB, with a journal in localStorage for the moment before IndexedDB has them. */

import type { LabelBody } from "./types";

export interface Entry {
  n?: number; // order, given by the store
  id: string;
  task: string;
  person: string;
  at: number; // when it was given, by this device's clock
  body: LabelBody;
}

export interface Refused extends Entry {
  detail: string;
  hint: string;
}

export interface Store {
  add(entry: Entry): Promise<boolean>; // false: gone with the tab, so that the journal has to keep it
  first(person: string, most: number): Promise<Entry[]>;
  all(): Promise<Entry[]>;
  drop(ids: readonly string[]): Promise<void>;
  refuse(entry: Refused): Promise<void>;
  refused(): Promise<Refused[]>;
  dropRefused(id: string): Promise<void>;
  close(): void;
}

const PATIENCE = 500; // milliseconds that labelling waits for IndexedDB to open

export interface Opened {
  store: Store;
  late: Promise<boolean> | null; // IndexedDB is still being opened: whether it was at last, and holds all that waited
}

/** The store of a project: in IndexedDB, and in memory and the journal where the browser has none, no room, or none yet. */
export async function openStore(name: string, patience = PATIENCE): Promise<Opened> {
  const opening = open(name).then((db) => new Kept(db));
  const store = new Spilling();
  const joined = opening.then(
    (kept) => store.join(kept),
    () => false,
  );
  return { store, late: (await within(joined, patience)) ? null : joined };
}

/** Whether the work is done in time. */
async function within(work: Promise<unknown>, patience: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((done) => (timer = setTimeout(() => done(false), patience)));
  const done = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return done;
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      const waiting = request.result.createObjectStore("waiting", { keyPath: "n", autoIncrement: true });
      waiting.createIndex("id", "id", { unique: true });
      waiting.createIndex("person", "person");
      request.result.createObjectStore("refused", { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB does not open"));
  });
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });
}

class Kept implements Store {
  constructor(private readonly db: IDBDatabase) {
    db.onversionchange = () => db.close();
  }

  async add(entry: Entry): Promise<boolean> {
    await this.write(["waiting"], (t) => {
      const request = t.objectStore("waiting").add(entry);
      request.onerror = (event) => {
        if (request.error?.name !== "ConstraintError") return;
        event.preventDefault(); // the same UUID is there already: another tab, or the journal, was quicker
        event.stopPropagation();
      };
    });
    return true;
  }

  first(person: string, most: number): Promise<Entry[]> {
    const index = this.db.transaction("waiting").objectStore("waiting").index("person");
    return answerOf(index.getAll(IDBKeyRange.only(person), most));
  }

  all(): Promise<Entry[]> {
    return answerOf(this.db.transaction("waiting").objectStore("waiting").getAll());
  }

  drop(ids: readonly string[]): Promise<void> {
    return this.write(["waiting"], (t) => ids.forEach((id) => without(t, id)));
  }

  refuse(entry: Refused): Promise<void> {
    return this.write(["waiting", "refused"], (t) => {
      t.objectStore("refused").put(entry);
      without(t, entry.id);
    });
  }

  refused(): Promise<Refused[]> {
    return answerOf(this.db.transaction("refused").objectStore("refused").getAll());
  }

  dropRefused(id: string): Promise<void> {
    return this.write(["refused"], (t) => t.objectStore("refused").delete(id));
  }

  close(): void {
    this.db.close();
  }

  private write(stores: string[], work: (t: IDBTransaction) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const t = this.db.transaction(stores, "readwrite");
      t.oncomplete = () => resolve();
      t.onabort = () => reject(t.error ?? new Error("IndexedDB gave up"));
      work(t);
    });
  }
}

function without(t: IDBTransaction, id: string): void {
  const store = t.objectStore("waiting");
  const request = store.index("id").getKey(id);
  request.onsuccess = () => {
    if (request.result !== undefined) store.delete(request.result);
  };
}

class Remembered implements Store {
  private readonly entries = new Map<string, Entry>();
  private readonly no = new Map<string, Refused>();

  async add(entry: Entry): Promise<boolean> {
    if (!this.entries.has(entry.id)) this.entries.set(entry.id, entry);
    return false;
  }
  async first(person: string, most: number): Promise<Entry[]> {
    return [...this.entries.values()].filter((entry) => entry.person === person).slice(0, most);
  }
  async all(): Promise<Entry[]> {
    return [...this.entries.values()];
  }
  async drop(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.entries.delete(id);
  }
  async refuse(entry: Refused): Promise<void> {
    this.entries.delete(entry.id);
    this.no.set(entry.id, entry);
  }
  async refused(): Promise<Refused[]> {
    return [...this.no.values()];
  }
  async dropRefused(id: string): Promise<void> {
    this.no.delete(id);
  }
  has(id: string): boolean {
    return this.entries.has(id);
  }
  close(): void {}
}

/** IndexedDB from when it opens, as long as it works; before, and once it is full or gone, new answers wait in memory and
go out from there. */
class Spilling implements Store {
  private readonly rest = new Remembered();
  private readonly sent = new Set<string>(); // that could not be taken out
  private kept: Store | null = null;
  private full = true; // new answers go to memory
  private closed = false;

  /** IndexedDB has opened: what waited in memory moves there. Whether it is of use. */
  async join(kept: Store): Promise<boolean> {
    if (this.closed) {
      kept.close();
      return false;
    }
    this.kept = kept;
    try {
      for (let some = await this.rest.all(); some.length; some = await this.rest.all()) {
        for (const entry of some) await this.move(entry, kept);
      }
      this.full = false;
      for (const entry of await this.rest.refused()) {
        await kept.refuse(entry);
        await this.rest.dropRefused(entry.id);
      }
      return true;
    } catch {
      return false; // it has no room: what is in memory stays there
    }
  }

  private async move(entry: Entry, kept: Store): Promise<void> {
    await kept.add(entry);
    if (this.rest.has(entry.id)) await this.rest.drop([entry.id]);
    else await kept.drop([entry.id]); // it was sent meanwhile
  }

  async add(entry: Entry): Promise<boolean> {
    if (this.kept && !this.full) {
      try {
        return await this.kept.add(entry);
      } catch {
        this.full = true; // what comes later stays behind it
      }
    }
    return this.rest.add(entry);
  }
  async first(person: string, most: number): Promise<Entry[]> {
    const before = await this.read((kept) => kept.first(person, most + this.sent.size));
    return this.whole(before, await this.rest.first(person, most)).slice(0, most);
  }
  async all(): Promise<Entry[]> {
    const before = await this.read((kept) => kept.all());
    return this.whole(before, await this.rest.all());
  }
  async drop(ids: readonly string[]): Promise<void> {
    await this.rest.drop(ids);
    await this.kept?.drop(ids).catch(() => ids.forEach((id) => this.sent.add(id)));
  }
  async refuse(entry: Refused): Promise<void> {
    await this.rest.drop([entry.id]);
    if (!this.kept) return this.rest.refuse(entry);
    try {
      await this.kept.refuse(entry);
    } catch {
      this.sent.add(entry.id);
      await this.rest.refuse(entry);
    }
  }
  async refused(): Promise<Refused[]> {
    return [...(await this.read((kept) => kept.refused())), ...(await this.rest.refused())];
  }
  async dropRefused(id: string): Promise<void> {
    await this.rest.dropRefused(id);
    await this.kept?.dropRefused(id);
  }
  close(): void {
    this.closed = true;
    this.kept?.close();
  }

  /** What is kept and was not sent, then what is in memory; what is on its way from there to here once. */
  private whole(kept: Entry[], rest: Entry[]): Entry[] {
    const left = kept.filter((entry) => !this.sent.has(entry.id));
    const there = new Set(left.map((entry) => entry.id));
    return [...left, ...rest.filter((entry) => !there.has(entry.id))];
  }

  private async read<T>(work: (kept: Store) => Promise<T[]>): Promise<T[]> {
    try {
      return this.kept ? await work(this.kept) : [];
    } catch (error) {
      if ((await this.rest.all()).length === 0) throw error;
      return []; // what is in memory can go out meanwhile
    }
  }
}

/** Written at once when a key is pressed, taken out when the store has it: a tab that dies in between loses nothing. */
export class Journal {
  private last = 0;

  constructor(
    private readonly storage: Storage | null,
    private readonly name: string,
  ) {}

  /** Whether it is written; not where the storage is full or forbidden. */
  note(entry: Entry): boolean {
    this.last = Math.max(this.last + 1, Date.now());
    try {
      this.storage?.setItem(`${this.name}/${String(this.last).padStart(16, "0")}/${entry.id}`, JSON.stringify(entry));
      return this.storage !== null;
    } catch {
      return false;
    }
  }

  /** What is left from before, oldest first. */
  left(): Entry[] {
    const keys = this.keys();
    return keys.flatMap((key) => {
      try {
        return [JSON.parse(this.storage?.getItem(key) ?? "") as Entry];
      } catch {
        return [];
      }
    });
  }

  forget(...ids: string[]): void {
    const gone = new Set(ids);
    for (const key of this.keys()) if (gone.has(key.slice(key.lastIndexOf("/") + 1))) this.storage?.removeItem(key);
  }

  private keys(): string[] {
    return Object.keys(this.storage ?? {})
      .filter((key) => key.startsWith(`${this.name}/`))
      .sort();
  }
}
