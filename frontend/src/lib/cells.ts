/** What a tile shows of a row: which columns, in which order. */

export interface Order {
  columns: string[]; // all of them, those that tell most first
  by: "head" | "spread" | "source";
  labels: number; // that the head was fitted on
  shown: number; // how many tiles show
}

/** The names in what was kept; null where nothing usable was. */
export function names(kept: string | null): string[] | null {
  try {
    const found: unknown = JSON.parse(kept ?? "null");
    const fine = Array.isArray(found) ? found.filter((one): one is string => typeof one === "string") : [];
    return fine.length ? fine : null;
  } catch {
    return null;
  }
}

/** What tiles show of `order`: what was chosen and is still there, in the order of telling; else the first. */
export function shownOf(order: Order | null, chosen: readonly string[] | null): string[] {
  if (!order) return [];
  const wanted = new Set(chosen ?? []);
  const found = order.columns.filter((name) => wanted.has(name));
  return (found.length ? found : order.columns).slice(0, order.shown);
}

/** The cells of a row that a tile shows, in order; without columns as the row has them. */
export function cellsOf(row: Record<string, unknown>, columns: readonly string[]): [string, unknown][] {
  const found = columns.filter((name) => name in row).map((name): [string, unknown] => [name, row[name]]);
  return found.length ? found : Object.entries(row);
}
