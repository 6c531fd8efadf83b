/** What the server sends: the shapes of /api/v1 (docs at /openapi.json). */

export type Role = "viewer" | "annotator" | "reviewer" | "admin";

export interface Me {
  name: string;
  role: Role;
  csrf: string;
  project: string;
  version: string;
  mode: "single" | "users";
}

export interface TaskClass {
  code: number;
  name: string;
  key?: string | null;
  text?: string | null;
  examples?: number[];
}

export interface Task {
  name: string;
  kind: "classes" | "multilabel" | "screen";
  dull: string | null;
  closed: boolean;
  classes: TaskClass[];
}

export interface Value {
  tag: "class" | "set" | "soft" | "unsure" | "skip";
  names?: string[];
  weights?: number[];
}

export interface Mine {
  id: string;
  value: Value;
  at?: string;
}

/** An item as it is shown to be answered. */
export interface Card {
  item: number;
  key: string;
  modality: "image" | "text" | "row" | "embedding";
  query?: number | null;
  purpose?: string | null;
  why?: string | null;
  arms?: string[] | null;
  group?: number[] | null; // near-duplicates that get the same answer
  image?: string | null;
  text?: string | null;
  row?: Record<string, unknown> | null;
  meta?: Record<string, unknown> | null;
  words?: string[] | null; // words that speak for the guess
  guess?: { name: string; p: number } | null;
  mine?: Mine | null;
  flagged?: string | boolean | null;
}

export interface QueueAnswer {
  state: "ready" | "preparing" | "done";
  items: Card[];
  left?: number | null;
  note?: string | null;
}

/** One answer on its way to the server. `value` is null for an undo, which names what it takes back. */
export interface LabelBody {
  id: string;
  item: number;
  value: Value | null;
  at: string;
  seconds?: number | null;
  query?: number | null;
  supersedes?: string | null;
  group?: boolean;
}

export interface LabelsAnswer {
  written: number;
  known: number;
  refused: { id: string; detail: string; hint?: string }[];
  counts?: Record<string, number>;
}
