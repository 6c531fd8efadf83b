/** What the server sends: the shapes of /api/v1 (docs at /openapi.json). */

export type Role = "viewer" | "annotator" | "reviewer" | "admin";

export interface Me {
  name: string;
  role: Role;
  csrf: string | null;
  id?: string; // of the project; stays when its folder is renamed
  project: string;
  version: string;
  mode: "single" | "users";
}

export interface TaskClass {
  code: number | null; // null: not in the ledger before its first label
  name: string;
  key?: string; // wished for; "" leaves it to the order
  text?: string;
  shown?: number[]; // items that show what is meant
}

export interface Task {
  name: string;
  kind: "classes" | "multilabel" | "screen";
  dull: string | null;
  closed: boolean;
  classes: TaskClass[];
}

export interface Value {
  tag: "class" | "classes" | "soft" | "unsure" | "skip";
  names?: string[];
  weights?: number[];
}

export interface Mine {
  id: string;
  value: Value;
  at?: string;
}

/** Words of a text that speak for the guess of the head, and words against it, the weightiest first. */
export interface Words {
  speak: readonly string[];
  against: readonly string[];
}

export interface WordsAnswer {
  state: "ready" | "preparing" | "failed";
  items: (Words & { item: number; guess: Card["guess"] })[];
  note: string;
}

/** An item as it is shown to be answered. */
export interface Card {
  item: number;
  key: string;
  modality: "image" | "text" | "row" | "embedding";
  query?: number | null;
  purpose?: string | null;
  why?: string | null;
  arms?: string | null;
  group?: number; // how many near-duplicates get the same answer
  image?: string | null;
  text?: string | null;
  cut?: number; // characters of the text that were left out
  numbers?: number; // of an embedding: how many it has
  values?: unknown[]; // and which, where they are few
  lacks?: string; // why its picture or text is missing: its numbers are shown
  fault?: string; // why it cannot be shown
  hint?: string;
  row?: Record<string, unknown> | null;
  meta?: Record<string, unknown> | null;
  words?: Words | null; // what its words say of the guess; null where none is known
  guess?: { name: string; p: number } | null;
  mine?: Mine | null;
  flagged?: boolean;
}

export interface QueueAnswer {
  state: "ready" | "preparing" | "done" | "failed";
  items: Card[];
  left: number;
  until: string; // when the leases end
  note: string;
  remedy?: string; // the kind of job that would help where choosing has failed
}

/** One answer on its way to the server. `value` is null for an undo, which names what it takes back. */
export interface LabelBody {
  id: string;
  item: number;
  value: Value | null;
  age?: number; // seconds since it was given; set when it is sent
  seconds?: number | null;
  query?: number | null;
  supersedes?: string | null;
  group?: boolean;
}

export interface LabelsAnswer {
  written: number;
  known: number;
  refused: { id: string; detail: string; hint?: string }[];
}
