/** Filters as the server knows them, and as a form shows them. */

import { storage, visit } from "../lib/settings";
import { count, percent } from "../lib/show";

export type Leaf =
  | { what: "label"; classes?: string[]; states?: State[] }
  | { what: "guess"; classes?: string[]; low?: number; high?: number }
  | { what: "disagreement"; between?: "head" | "annotators" }
  | { what: "source"; names: string[] }
  | { what: "column"; name: string; relation?: "is" | "contains" | "range"; texts?: string[]; low?: number | null; high?: number | null }
  | { what: "annotator"; names: string[] }
  | { what: "flagged"; on?: boolean }
  | { what: "purpose"; purposes: string[] }
  | { what: "key"; text: string };
export type State = "none" | "any" | "skip" | "unsure";
export type Filter = Leaf | { what: "all" | "any"; of: Filter[] } | { what: "not"; of: Filter };
export type By =
  | "id"
  | "key"
  | "label"
  | "guess"
  | "probability"
  | "oddness"
  | "margin"
  | "disagreement"
  | "time"
  | "labelled"
  | "source"
  | "column"
  | "annotator"
  | "random";

export interface Sort {
  by: By;
  descending?: boolean;
  seed?: number;
  name?: string; // of the column
}

/** What a grid shows. */
export interface Wanted {
  filter: Leaf[]; // all of them hold
  own: Filter | null; // a tree from elsewhere that is no row of leaves
  sort: Sort;
  near: number | null;
  ids: string | null; // the name under which ids wait in the session's storage
}

export const PLAIN: Sort = { by: "id" };

export interface Order {
  by: By;
  title: string;
  descending?: boolean;
  name?: string;
}

export const ORDERS: readonly Order[] = [
  { by: "id", title: "In the order of the source" },
  { by: "key", title: "By key" },
  { by: "label", title: "By label" },
  { by: "guess", title: "By guess" },
  { by: "oddness", title: "Most odd first", descending: true },
  { by: "probability", title: "Least sure first" },
  { by: "probability", title: "Surest first", descending: true },
  { by: "margin", title: "Smallest margin first" },
  { by: "disagreement", title: "Strongest disagreement first", descending: true },
  { by: "labelled", title: "Labelled last first", descending: true },
  { by: "time", title: "Oldest first" },
  { by: "time", title: "Newest first", descending: true },
  { by: "source", title: "By source" },
  { by: "annotator", title: "By annotator" },
  { by: "random", title: "Shuffled" },
];

/** Orders by the columns of the pool; one that the address names is among them, whatever is known so far. */
export function columnOrders(columns: readonly string[], sort: Sort): Order[] {
  const names = sort.by === "column" && sort.name && !columns.includes(sort.name) ? [...columns, sort.name] : columns;
  return names.flatMap((name): Order[] => [
    { by: "column", name, title: `${name}, upwards` },
    { by: "column", name, title: `${name}, downwards`, descending: true },
  ]);
}

export const STATES: Record<State, string> = {
  none: "no label",
  any: "any label",
  skip: "skipped",
  unsure: "unsure",
};

/** The tree that is sent. */
export function tree(wanted: Wanted): Filter {
  const of: Filter[] = [...wanted.filter, ...(wanted.own ? [wanted.own] : [])];
  return of.length === 1 ? of[0]! : { what: "all", of };
}

/** Leaves of a tree that is a leaf, or all of some leaves; null for others. */
export function leavesOf(filter: Filter): Leaf[] | null {
  if (filter.what === "all") {
    const parts = filter.of.map(leavesOf);
    return parts.every((part) => part !== null) ? (parts as Leaf[][]).flat() : null;
  }
  if (filter.what === "any" || filter.what === "not") return null;
  return [filter as Leaf];
}

/** What the address of the grid says. Whatever cannot be read shows everything. */
export function wantedFrom(search: URLSearchParams): Wanted {
  const filter = parsed<Filter>(search.get("filter"));
  const leaves = filter && typeof filter === "object" && "what" in filter ? leavesOf(filter) : [];
  const [by, way, ...rest] = (search.get("sort") ?? "").split(":");
  const more = rest.join(":");
  const near = Number(search.get("near") ?? NaN);
  const known = by === "column" ? more !== "" : ORDERS.some((one) => one.by === by);
  const own = by === "column" ? { name: more } : { seed: Number(more) || 0 };
  return {
    filter: leaves ?? [],
    own: leaves === null ? filter : null,
    sort: known ? { by: by as By, descending: way === "down", ...own } : PLAIN,
    near: Number.isSafeInteger(near) ? near : null,
    ids: search.get("ids"),
  };
}

function parsed<T>(text: string | null): T | null {
  try {
    return text ? (JSON.parse(text) as T) : null;
  } catch {
    return null;
  }
}

/** The parameters of the address; null takes one away. */
export function toSearch(wanted: Wanted): Record<string, string | null> {
  const whole = tree(wanted);
  const { by, descending, seed, name } = wanted.sort;
  const plain = by === "id" && !descending;
  return {
    filter: whole.what === "all" && !whole.of.length ? null : JSON.stringify(whole),
    sort: plain ? null : [by, descending ? "down" : "up", ...(by === "random" ? [seed ?? 0] : by === "column" ? [name] : [])].join(":"),
    near: wanted.near === null ? null : String(wanted.near),
    ids: wanted.ids,
  };
}

/** A condition in words. */
export function said(leaf: Leaf): string {
  switch (leaf.what) {
    case "label":
      return `label: ${[...(leaf.classes ?? []), ...(leaf.states ?? []).map((state) => STATES[state])].join(", ")}`;
    case "guess": {
      const { low = 0, high = 1 } = leaf;
      const range = low > 0 || high < 1 ? ` ${percent(low)} to ${percent(high)}` : "";
      return `guess: ${leaf.classes?.length ? leaf.classes.join(", ") : "any"}${range}`;
    }
    case "disagreement":
      return leaf.between === "annotators" ? "people disagree" : "label and model disagree";
    case "source":
      return `source: ${leaf.names.join(", ")}`;
    case "column":
      if (leaf.relation === "range") return `${leaf.name} from ${leaf.low ?? "−∞"} to ${leaf.high ?? "∞"}`;
      return `${leaf.name} ${leaf.relation ?? "is"} ${(leaf.texts ?? []).join(" or ") || "empty"}`;
    case "annotator":
      return `answered by ${leaf.names.join(", ")}`;
    case "flagged":
      return leaf.on === false ? "no flag" : "flagged";
    case "purpose":
      return `asked for: ${leaf.purposes.join(", ")}`;
    case "key":
      return `key contains ${leaf.text}`;
  }
}

/** An address of the grid, for links from other pages: confusions, a class of a table, a lasso (put `ids` by keepIds). */
export function gridAddress(wanted: Partial<Omit<Wanted, "filter">> & { filter?: Filter }): string {
  const search = new URLSearchParams();
  const whole: Wanted = { filter: [], own: wanted.filter ?? null, sort: PLAIN, near: null, ids: null };
  for (const [name, value] of Object.entries(toSearch({ ...whole, ...wanted, filter: [], own: wanted.filter ?? null }))) {
    if (value !== null) search.set(name, value);
  }
  const tail = search.toString();
  return tail ? `/grid?${tail}` : "/grid";
}

const IDS = "labelsieve.ids.";

/** Keep ids for a grid of this tab; the name goes into its address. */
export function keepIds(ids: readonly number[]): string {
  const name = Date.now().toString(36);
  held.set(name, [...ids]);
  for (const key of Object.keys(storage("sessionStorage") ?? {})) if (key.startsWith(IDS)) visit.removeItem(key);
  visit.setItem(IDS + name, JSON.stringify(ids)); // where they are too many they last until the page is loaded anew
  return name;
}

const held = new Map<string, number[]>();

/** Whether the ids of a name outlast the document. */
export function lasting(name: string): boolean {
  return storage("sessionStorage")?.getItem(IDS + name) != null;
}

/** The ids of a name, null where they are gone. */
export function idsOf(name: string): number[] | null {
  return held.get(name) ?? parsed<number[]>(visit.getItem(IDS + name));
}

/** What is shown, in a line. */
export function total(n: number): string {
  return count(n, "item");
}
