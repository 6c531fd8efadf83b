/** What the exchange page says of imports and exports. */

import { count, number } from "../lib/show";

/** A format, as the server tells it. */
export interface Format {
  name: string;
  title: string;
  said: string;
  holds: string[];
  folder: boolean;
  fits: boolean;
}

/** What came of an import. */
export interface Report {
  added: number;
  known: number;
  empty: number;
  together: number;
  lost: number;
  set_aside: Record<string, string[]>;
}

export const ALL = ["one class", "several classes", "weights", "unsure", "skip", "annotators", "times", "data"];

/** The consensus, which is written alone. */
export const CONSENSUS: Format = { name: "consensus", title: "Consensus", said: "a CSV of what is most likely true, a row an item", holds: [], folder: false, fits: true };

/** What a format cannot hold, in words. */
export function misses(format: Format): string {
  if (format.name === CONSENSUS.name) return "decisions first, with its probability and how many answered";
  const missing = ALL.filter((name) => !format.holds.includes(name));
  if (missing.length === 0) return "holds everything, with the items themselves";
  if (missing.length === 1 && missing[0] === "data") return "holds every answer";
  if (format.holds.length < 4) return `holds ${format.holds.map((name) => (name === "data" ? "the picture" : "one class an item")).join(" and ")} alone`;
  return `every answer but ${missing.filter((name) => name !== "data").join(", ")}`;
}

/** An import in one line. */
export function imported(report: Report): string {
  const parts = [`${count(report.added, "label")} imported`];
  if (report.known) parts.push(`${number(report.known)} were there already`);
  if (report.empty) parts.push(`${count(report.empty, "row")} without an answer`);
  if (report.together) parts.push(`${count(report.together, "near-duplicate")} answered with them`);
  return `${parts.join(", ")}.`;
}

/** Why something was left out, each reason with its first keys. */
export function leftOut(report: Report): string[] {
  return Object.entries(report.set_aside).map(([why, keys]) => `${why}: ${keys.join(", ")}${report.lost > keys.length ? ", …" : ""}`);
}

/** The lost answers of an export, by reason. */
export function dropped(lost: Record<string, { count: number; first: string }>): string[] {
  return Object.entries(lost).map(([why, one]) => `${why}: ${number(one.count)} (${one.count > 1 ? "the first: " : ""}${one.first})`);
}
