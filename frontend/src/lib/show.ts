/** Values as words for a person. */

/** A number with few digits: 1,234 or 0.0123. */
export function number(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
}

/** A share as a percentage: 93 %, 0.4 %, 99.9 %; never 100 % of what is less. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return MISSING;
  const value = share * 100;
  if (share > 0.995 && share < 1) return `${Math.min(99.9, Math.floor(value * 10) / 10)} %`;
  return value < 1 && value > 0 ? `${Math.max(0.1, Math.round(value * 10) / 10)} %` : `${Math.round(value)} %`;
}

/** Seconds as 0:07, 4:05 or 1 h 20 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** One item, two items: `count(2, "item")`. */
export function count(n: number, word: string, several = `${word}s`): string {
  return `${number(n)} ${n === 1 ? word : several}`;
}

/** The last part of a key: the folders before it often say the class, which nobody should read off while answering. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1) || key;
}

/** What stands for a cell that is empty. */
export const MISSING = "–";

/** A cell of a table of the person's: anything, as text. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === "") return MISSING;
  if (typeof value === "number") return number(value, 6);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** An answer in words. */
export function answer(value: { tag: string; names?: string[] } | null | undefined): string {
  if (!value) return "";
  if (value.tag === "class" || value.tag === "classes" || value.tag === "soft") return value.names?.join(", ") || "none of them";
  return value.tag;
}
