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

const PATIENCE = 10_000; // milliseconds that IndexedDB may take to open

/** The store of a project: in IndexedDB, and in memory and the journal where the browser has none, or no room. */
export async function openStore(name: string, patience = PATIENCE): Promise<Store> {
  try {
    return new Spilling(new Kept(await soon(open(name), patience)));
  } catch {
    return new Remembered();
  }
}

function soon<T>(work: Promise<T>, patience: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("IndexedDB does not open")), patience);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
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
  close(): void {}
}

/** IndexedDB as long as it works; once it is full or gone, new answers wait in memory and go out from there. */
class Spilling implements Store {
  private readonly rest = new Remembered();
  private readonly sent = new Set<string>(); // that could not be taken out
  private full = false;

  constructor(private readonly kept: Store) {}

  async add(entry: Entry): Promise<boolean> {
    if (!this.full) {
      try {
        return await this.kept.add(entry);
      } catch {
        this.full = true; // what comes later stays behind it
      }
    }
    return this.rest.add(entry);
  }
  async first(person: string, most: number): Promise<Entry[]> {
    const before = await this.read(() => this.kept.first(person, most + this.sent.size));
    const left = before.filter((entry) => !this.sent.has(entry.id));
    return [...left, ...(await this.rest.first(person, most))].slice(0, most);
  }
  async all(): Promise<Entry[]> {
    const before = await this.read(() => this.kept.all());
    return [...before.filter((entry) => !this.sent.has(entry.id)), ...(await this.rest.all())];
  }
  async drop(ids: readonly string[]): Promise<void> {
    await this.rest.drop(ids);
    await this.kept.drop(ids).catch(() => ids.forEach((id) => this.sent.add(id)));
  }
  async refuse(entry: Refused): Promise<void> {
    await this.rest.drop([entry.id]);
    try {
      await this.kept.refuse(entry);
    } catch {
      this.sent.add(entry.id);
      await this.rest.refuse(entry);
    }
  }
  async refused(): Promise<Refused[]> {
    return [...(await this.read(() => this.kept.refused())), ...(await this.rest.refused())];
  }
  async dropRefused(id: string): Promise<void> {
    await this.rest.dropRefused(id);
    await this.kept.dropRefused(id);
  }
  close(): void {
    this.kept.close();
  }

  private async read<T>(work: () => Promise<T[]>): Promise<T[]> {
    try {
      return await work();
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
