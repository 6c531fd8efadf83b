/** Nothing lost, nothing doubled, in order: with a server that dies, refuses, forgets to answer; with reloads and two tabs. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/lib/api";
import { openStore } from "../src/lib/keep";
import { Outbox, uuid, type Ways } from "../src/lib/outbox";
import type { LabelBody, LabelsAnswer } from "../src/lib/types";

/** A ledger that takes an answer once, whatever happens to the way there and back. */
class Server {
  readonly written: string[] = [];
  readonly times = new Map<string, number>();
  dead = false;
  mute = false; // writes, and dies before it answers
  status = 0;
  refuses = new Set<string>();
  spoils = new Set<string>(); // one of these makes the whole request invalid
  largest = 0;
  atOnce = 0;
  worst = 0;

  send = async (_task: string, labels: LabelBody[]): Promise<LabelsAnswer> => {
    this.atOnce += 1;
    this.worst = Math.max(this.worst, this.atOnce);
    await new Promise((done) => setTimeout(done, 1));
    this.atOnce -= 1;
    if (this.dead) throw new ApiError(0, "The server does not answer.");
    if (this.status) throw new ApiError(this.status, `status ${this.status}`);
    if (labels.some((one) => this.spoils.has(one.id))) throw new ApiError(422, "labels.3.item: not a number");
    this.largest = Math.max(this.largest, labels.length);
    const answer: LabelsAnswer = { written: 0, known: 0, refused: [] };
    for (const { id } of labels) {
      this.times.set(id, (this.times.get(id) ?? 0) + 1);
      if (this.refuses.has(id)) answer.refused.push({ id, detail: "the item has gone.", hint: "sync" });
      else if (this.written.includes(id)) answer.known += 1;
      else {
        this.written.push(id);
        answer.written += 1;
      }
    }
    if (this.mute) throw new ApiError(0, "The server does not answer.");
    return answer;
  };
}

/** One holder at a time, in the order of asking, across tabs. */
class Locks {
  private queue: Promise<unknown> = Promise.resolve();
  request = ((_name: string, work: () => Promise<unknown>) => {
    this.queue = this.queue.then(work, work);
    return this.queue;
  }) as LockManager["request"];
}

class Storage1 implements Storage {
  [name: string]: unknown;
  get length() {
    return Object.keys(this).length;
  }
  clear() {
    for (const key of Object.keys(this)) delete this[key];
  }
  getItem(key: string) {
    return (this[key] as string | undefined) ?? null;
  }
  key(n: number) {
    return Object.keys(this)[n] ?? null;
  }
  removeItem(key: string) {
    delete this[key];
  }
  setItem(key: string, value: string) {
    this[key] = value;
  }
}

let server: Server;
let locks: Locks;
let storage: Storage1;
let project: string;
const open: Outbox[] = [];

beforeEach(() => {
  server = new Server();
  locks = new Locks();
  storage = new Storage1();
  project = uuid(); // a database of its own
});

afterEach(() => {
  for (const outbox of open.splice(0)) outbox.close();
  vi.useRealTimers();
});

async function tab(person = "ann", ways: Partial<Ways> = {}): Promise<Outbox> {
  const channel = (name: string) => new BroadcastChannel(name);
  const outbox = await Outbox.open(project, person, { send: server.send, locks, storage, channel, ...ways });
  open.push(outbox);
  return outbox;
}

const body = (item: number): LabelBody => ({ id: uuid(), item, value: { tag: "class", names: ["cat"] } });

function putMany(outbox: Outbox, n: number, task = "main"): string[] {
  const bodies = Array.from({ length: n }, (_, i) => body(i));
  for (const one of bodies) outbox.put(task, one);
  return bodies.map((one) => one.id);
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000; // a busy machine is no failure
  while (performance.now() < deadline) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error(`not within 20 s: ${what}`);
}

describe("a server that lives", () => {
  it("gets every answer once, in order", async () => {
    const outbox = await tab();
    const ids = putMany(outbox, 250);
    expect(outbox.standing.unsent).toBe(250);
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual(ids);
    expect(server.largest).toBeLessThanOrEqual(100);
    expect(Object.keys(storage)).toEqual([]);
  });

  it("gets answers of two tasks under the right name", async () => {
    const seen: [string, number][] = [];
    const send: Ways["send"] = async (task, labels) => {
      seen.push(...labels.map((one): [string, number] => [task, one.item]));
      return server.send(task, labels);
    };
    const outbox = await tab("ann", { send });
    for (let i = 0; i < 6; i++) outbox.put(i % 2 ? "odd" : "even", body(i));
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((i) => [i % 2 ? "odd" : "even", i]));
  });

  it("is told how old an answer is, and never a negative age", async () => {
    const ages: number[] = [];
    const send: Ways["send"] = async (task, labels) => {
      ages.push(...labels.map((one) => one.age ?? NaN));
      return server.send(task, labels);
    };
    server.dead = true;
    const outbox = await tab("ann", { send });
    const now = vi.spyOn(Date, "now");
    const real = performance.timeOrigin + performance.now();
    now.mockReturnValue(real + 3_600_000); // given by a clock that is then set back
    outbox.put("main", body(1));
    now.mockReturnValue(real);
    server.dead = false;
    await until(() => {
      outbox.retry();
      return outbox.standing.unsent === 0;
    }, "sent");
    now.mockRestore();
    expect(ages.at(-1)).toBe(0);
  });
});

describe("a server that dies", () => {
  it("costs nothing: answers wait and go out when it is back", async () => {
    server.dead = true;
    const outbox = await tab();
    const ids = putMany(outbox, 30);
    await until(() => outbox.standing.trouble !== null, "trouble is told");
    expect(outbox.standing.unsent).toBe(30);
    server.dead = false;
    outbox.retry();
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual(ids);
    expect(outbox.standing.trouble).toBeNull();
  });

  it("is tried again by itself, more and more seldom", async () => {
    server.dead = true;
    let tries = 0;
    const send: Ways["send"] = (task, labels) => {
      tries += 1;
      return server.send(task, labels);
    };
    const outbox = await tab("ann", { send });
    putMany(outbox, 3);
    await until(() => tries >= 2, "a second try");
    const before = tries;
    putMany(outbox, 20); // pressing keys does not hammer a dead server
    await new Promise((done) => setTimeout(done, 60));
    expect(tries - before).toBeLessThanOrEqual(1);
  });

  it("may die after it wrote: the answer is sent again and written once", async () => {
    server.mute = true;
    const outbox = await tab();
    const ids = putMany(outbox, 10);
    await until(() => server.written.length >= 1 && outbox.standing.trouble !== null, "written, unanswered");
    server.mute = false;
    outbox.retry();
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual(ids);
    expect(server.times.get(ids[0]!)).toBeGreaterThan(1);
  });

  it("keeps answers while somebody is signed out, asked to slow down, or the project is in trouble", async () => {
    for (const status of [401, 403, 409, 429, 500, 503]) {
      server.status = status;
      const outbox = await tab();
      putMany(outbox, 2);
      await until(() => outbox.standing.trouble !== null, `trouble for ${status}`);
      expect(outbox.standing.unsent).toBe(2);
      expect(outbox.standing.refused).toEqual([]);
      server.status = 0;
      outbox.retry();
      await until(() => outbox.standing.unsent === 0, "all sent");
    }
  });
});

describe("a reload", () => {
  it("finds what was unsent, and sends it in order", async () => {
    server.dead = true;
    const before = await tab();
    const ids = putMany(before, 40);
    await before.settled();
    before.close();
    const after = await tab();
    expect(after.standing.unsent).toBe(40);
    expect(after.items("main").size).toBe(40);
    server.dead = false;
    after.retry();
    await until(() => after.standing.unsent === 0, "all sent");
    expect(server.written).toEqual(ids);
  });

  it("at the very moment of a key loses nothing: the journal has it", async () => {
    server.dead = true;
    const before = await tab();
    await before.settled();
    const entry = { id: uuid(), task: "main", person: "ann", at: Date.now(), body: body(7) };
    storage.setItem(`labelsieve:${project}/0000000000000001/${entry.id}`, JSON.stringify(entry));
    before.close(); // the tab died between the key and the store
    const after = await tab();
    expect(after.standing.unsent).toBe(1);
    server.dead = false;
    after.retry();
    await until(() => after.standing.unsent === 0, "sent");
    expect(server.written).toEqual([entry.body.id]);
    expect(Object.keys(storage)).toEqual([]);
  });

  it("does not send what another person left", async () => {
    server.dead = true;
    const ann = await tab("ann");
    putMany(ann, 3);
    await ann.settled();
    ann.close();
    server.dead = false;
    const bob = await tab("bob");
    const ids = putMany(bob, 2);
    await until(() => bob.standing.unsent === 0, "bob's are sent");
    expect(server.written).toEqual(ids);
    expect(bob.standing.others).toBe(3);
  });

  it("works where the browser has no database", async () => {
    const kept = globalThis.indexedDB;
    // @ts-expect-error: a browser that forbids it
    globalThis.indexedDB = undefined;
    try {
      server.dead = true;
      const before = await tab();
      const ids = putMany(before, 5);
      await before.settled();
      before.close();
      const after = await tab();
      expect(after.standing.unsent).toBe(5);
      server.dead = false;
      after.retry();
      await until(() => after.standing.unsent === 0, "all sent");
      expect(server.written).toEqual(ids);
      expect(Object.keys(storage)).toEqual([]);
    } finally {
      globalThis.indexedDB = kept;
    }
  });
});

describe("a browser without room", () => {
  const full = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  afterEach(() => void vi.restoreAllMocks());

  it("sends its answers nevertheless, those from before first", async () => {
    server.dead = true;
    const outbox = await tab();
    const before = putMany(outbox, 3);
    await until(() => Object.keys(storage).length === 0, "all in the database");
    vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(full);
    const after = putMany(outbox, 4);
    await until(() => outbox.standing.trouble !== null, "the server was tried");
    expect(outbox.standing.unsent).toBe(7);
    expect(Object.keys(storage).length).toBe(4); // the journal has them
    server.dead = false;
    outbox.retry();
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual([...before, ...after]);
    expect(Object.keys(storage)).toEqual([]);
  });

  it("opens with what the journal has", async () => {
    server.dead = true;
    vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(full);
    const ids = putMany(await tab(), 3);
    open.pop()?.close();
    server.dead = false;
    const outbox = await tab();
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual(ids);
  });

  it("says so where nothing can be kept, and sends all the same", async () => {
    vi.spyOn(IDBObjectStore.prototype, "add").mockImplementation(full);
    vi.spyOn(storage, "setItem").mockImplementation(full);
    server.dead = true;
    const outbox = await tab();
    const said: (string | null)[] = [];
    outbox.subscribe((now) => void said.push(now.trouble));
    const ids = putMany(outbox, 2);
    await until(() => said.some((one) => one?.includes("leave this tab open")), "told");
    server.dead = false;
    outbox.retry();
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual(ids);
  });

  it("sends nothing twice where what was sent cannot be taken out", async () => {
    const outbox = await tab();
    vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementation(full);
    const ids = putMany(outbox, 3);
    await until(() => outbox.standing.unsent === 0, "all sent");
    outbox.retry();
    await outbox.settled();
    expect([...server.times.values()]).toEqual([1, 1, 1]);
    expect(server.written).toEqual(ids);
  });

  it("waits no longer than it must for a database that does not open", async () => {
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => ({}) as IDBOpenDBRequest);
    const { store, late } = await openStore("hangs", 10);
    expect(late).not.toBe(null);
    expect(await store.add({ id: uuid(), task: "main", person: "ann", at: 0, body: body(1) })).toBe(false);
  });

  it("says that a database does not open, sends meanwhile, and moves in when it does", async () => {
    server.dead = true;
    const before = await tab();
    const [old] = putMany(before, 1);
    await until(() => storage.length === 0, "in the database");
    before.close();
    const real = IDBFactory.prototype.open;
    let answer: () => void = () => undefined;
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(function (this: IDBFactory, ...asked) {
      const request = real.apply(this, asked);
      const held = {
        onsuccess: null as ((event: Event) => void) | null,
        get result() {
          return request.result;
        },
      };
      request.onsuccess = (event) => (answer = () => held.onsuccess?.(event));
      return held as unknown as IDBOpenDBRequest;
    });
    const outbox = await tab();
    expect(outbox.standing.late).toBe(true);
    const [first, second] = putMany(outbox, 2);
    await until(() => outbox.standing.trouble !== null, "the server does not answer");
    expect(storage.length).toBe(2); // the journal has them
    await new Promise((done) => setTimeout(done, 20));
    answer();
    await until(() => !outbox.standing.late, "opened at last");
    await until(() => storage.length === 0, "in the database");
    expect(outbox.standing.unsent).toBe(3);
    server.dead = false;
    outbox.retry();
    await until(() => outbox.standing.unsent === 0, "all sent");
    expect(server.written).toEqual([old, first, second]);
  });
});

describe("a question to the server", () => {
  it("hears of every item whose answer was on its way at any time between", async () => {
    server.dead = true;
    const outbox = await tab();
    outbox.put("main", body(1));
    outbox.put("other", body(2));
    const asked = outbox.during("main", async () => {
      server.dead = false;
      outbox.retry();
      outbox.put("main", body(3)); // comes and goes between
      outbox.put("other", body(4));
      await until(() => outbox.standing.unsent === 0, "all sent");
      return "found";
    });
    const { found, behind } = await asked;
    expect(found).toBe("found");
    expect([...behind].sort()).toEqual([1, 3]);
    outbox.put("main", body(5)); // after it
    expect(behind.has(5)).toBe(false);
  });

  it("passes on what the server says, also that it does not answer", async () => {
    const outbox = await tab();
    await expect(outbox.during("main", () => Promise.reject(new ApiError(0, "no")))).rejects.toThrow("no");
  });
});

describe("two tabs", () => {
  it("send one after the other, and both know the count", async () => {
    server.dead = true;
    const one = await tab();
    const two = await tab();
    const ids = [...putMany(one, 20), ...putMany(two, 20)];
    await until(() => one.standing.unsent === 40 && two.standing.unsent === 40, "both count 40");
    server.dead = false;
    one.retry();
    two.retry();
    await until(() => one.standing.unsent === 0 && two.standing.unsent === 0, "both count none");
    expect([...server.written].sort()).toEqual([...ids].sort());
    expect(new Set(server.written).size).toBe(40);
    expect(server.worst).toBe(1);
  });
});

describe("what the server refuses", () => {
  it("is shown and kept, and the rest goes on", async () => {
    const outbox = await tab();
    const no = body(3);
    server.refuses.add(no.id);
    outbox.put("main", no);
    const ids = putMany(outbox, 5);
    await until(() => outbox.standing.unsent === 0, "the rest is sent");
    expect(server.written).toEqual(ids);
    expect(outbox.standing.refused.map((one) => [one.id, one.detail])).toEqual([[no.id, "the item has gone."]]);
    outbox.close();
    const after = await tab();
    expect(after.standing.refused.length).toBe(1);
    server.refuses.clear();
    await after.resend(no.id);
    await until(() => server.written.includes(no.id), "sent after all");
    expect(after.standing.refused).toEqual([]);
  });

  it("is found when it spoils a whole request", async () => {
    server.dead = true;
    const outbox = await tab();
    const before = putMany(outbox, 20);
    const bad = body(99);
    outbox.put("main", bad);
    const after = putMany(outbox, 20);
    server.spoils.add(bad.id);
    server.dead = false;
    const told: string[] = [];
    outbox.onAcknowledged((_, answer) => told.push(...answer.refused.map((one) => one.id)));
    outbox.retry();
    await until(() => outbox.standing.unsent === 0, "the rest is sent");
    expect(told).toEqual([bad.id]);
    expect(server.written).toEqual([...before, ...after]);
    expect(outbox.standing.refused.map((one) => one.id)).toEqual([bad.id]);
    await outbox.discard(bad.id);
    expect(outbox.standing.refused).toEqual([]);
  });

  it("is nothing where the answer cannot be read: another program listens there", async () => {
    const odd = (async () => "<html>") as unknown as Ways["send"];
    const outbox = await tab("ann", { send: odd });
    putMany(outbox, 2);
    await until(() => outbox.standing.trouble !== null, "trouble is told");
    expect(outbox.standing.unsent).toBe(2);
  });
});

it("makes UUIDs also without a secure context", () => {
  const real = crypto.randomUUID;
  // @ts-expect-error: as on http in a local network
  crypto.randomUUID = undefined;
  try {
    const made = Array.from({ length: 50 }, uuid);
    expect(new Set(made).size).toBe(50);
    for (const one of made) expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  } finally {
    crypto.randomUUID = real;
  }
});
