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
  readonly lasting: boolean; // false: gone with the tab, so that the journal has to keep what it was told
  add(entry: Entry): Promise<void>;
  first(person: string, most: number): Promise<Entry[]>;
  all(): Promise<Entry[]>;
  drop(ids: readonly string[]): Promise<void>;
  refuse(entry: Refused): Promise<void>;
  refused(): Promise<Refused[]>;
  dropRefused(id: string): Promise<void>;
  close(): void;
}

/** The store of a project: in IndexedDB, or in memory and the journal where the browser has none. */
export async function openStore(name: string): Promise<Store> {
  try {
    return new Kept(await open(name));
  } catch {
    return new Remembered();
  }
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
  readonly lasting = true;

  constructor(private readonly db: IDBDatabase) {
    db.onversionchange = () => db.close();
  }

  add(entry: Entry): Promise<void> {
    return this.write(["waiting"], (t) => {
      const request = t.objectStore("waiting").add(entry);
      request.onerror = (event) => {
        if (request.error?.name !== "ConstraintError") return;
        event.preventDefault(); // the same UUID is there already: another tab, or the journal, was quicker
        event.stopPropagation();
      };
    });
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
  readonly lasting = false;

  async add(entry: Entry): Promise<void> {
    if (!this.entries.has(entry.id)) this.entries.set(entry.id, entry);
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

/** Written at once when a key is pressed, taken out when the store has it: a tab that dies in between loses nothing. */
export class Journal {
  private last = 0;

  constructor(
    private readonly storage: Storage | null,
    private readonly name: string,
  ) {}

  note(entry: Entry): void {
    this.last = Math.max(this.last + 1, Date.now());
    try {
      this.storage?.setItem(`${this.name}/${String(this.last).padStart(16, "0")}/${entry.id}`, JSON.stringify(entry));
    } catch {
      // full, or forbidden: IndexedDB alone keeps it
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

  forget(id: string): void {
    for (const key of this.keys()) if (key.endsWith(`/${id}`)) this.storage?.removeItem(key);
  }

  private keys(): string[] {
    return Object.keys(this.storage ?? {})
      .filter((key) => key.startsWith(`${this.name}/`))
      .sort();
  }
}
