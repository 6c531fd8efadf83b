/** The outbox of this session, and what the navigation shows of it. */

import * as api from "./api";
import { Outbox, type Standing } from "./outbox";
import { storage } from "./settings";
import type { LabelBody, LabelsAnswer, Me } from "./types";

const NOTHING: Standing = { unsent: 0, others: 0, refused: [], trouble: null, late: false };
let standing = $state.raw<Standing>(NOTHING);
let box = $state.raw<Outbox | null>(null);

export const unsent = {
  get standing() {
    return standing;
  },
  /** Null until it is open; pages that write wait for it. */
  get box() {
    return box;
  },
};

let opened = ""; // for whom

export async function openOutbox(me: Me): Promise<void> {
  const whose = `${me.id ?? me.project}/${me.name}`;
  if (whose === opened) return box?.retry();
  opened = whose;
  box?.close();
  box = null;
  const made = await Outbox.open(me.id ?? me.project, me.name, {
    send: (task, labels) =>
      api.post<LabelsAnswer>(`/tasks/${encodeURIComponent(task)}/labels`, { labels }, { timeout: 30_000 }),
    locks: navigator.locks ?? null,
    storage: storage(),
    channel: typeof BroadcastChannel === "function" ? (name) => new BroadcastChannel(name) : undefined,
  });
  if (whose !== opened) return made.close(); // somebody else signed in meanwhile
  box = made;
  made.subscribe((now) => (standing = now));
}

/** Write an answer through the outbox. */
export function write(task: string, body: LabelBody): void {
  if (!box) throw new Error("the outbox is not open yet");
  box.put(task, body);
}

/** Ask the server, and hear which items had an answer on its way meanwhile (`Outbox.during`). */
export async function during<T>(task: string, ask: () => Promise<T>): Promise<{ found: T; behind: Set<number> }> {
  return box ? box.during(task, ask) : { found: await ask(), behind: new Set() };
}

if (typeof window !== "undefined") {
  window.addEventListener("online", () => box?.retry());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && box?.retry());
}
