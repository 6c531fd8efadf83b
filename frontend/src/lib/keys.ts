/** Keys: which command each one gives, which class; a person may move them (kept in this browser). */

export interface Command {
  id: string;
  title: string;
  keys: readonly string[];
}

export type Keymap = ReadonlyMap<string, string>; // key -> id of a command

const KEPT = "labelsieve.keys";
const DIGITS = "1234567890";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const NAMES: Record<string, string> = { " ": "Space", Esc: "Escape", Left: "ArrowLeft", Right: "ArrowRight" };
const SHOWN: Record<string, string> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Backspace: "⌫",
  Space: "space",
  Enter: "enter",
  Escape: "esc",
};

/** The key of an event by one name: "a", "1", "?", "Space", "ArrowLeft". Letters are small, whatever Caps Lock says.

Keyboards differ: the row of digits gives its digits, also where they need Shift (French), and a letter of another script
is the Latin one on the same key (Greek, Russian). */
export function nameOf(event: Pick<KeyboardEvent, "key"> & Partial<Pick<KeyboardEvent, "code" | "shiftKey">>): string {
  const key = NAMES[event.key] ?? event.key;
  if (key.length !== 1) return key;
  const [, row, place] = /^(Digit|Key)([0-9A-Z])$/.exec(event.code ?? "") ?? [];
  if (place && (row === "Digit" ? !event.shiftKey : /\p{L}/u.test(key) && !/\p{Script=Latin}/u.test(key))) return place.toLowerCase();
  return key.toLowerCase();
}

/** How a key is printed on a button. */
export function shown(key: string): string {
  return SHOWN[key] ?? key;
}

/** Whether a key belongs to the browser, to a dialog or to a field in which somebody types, not to a page. */
export function notOurs(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return true;
  if (typeof document !== "undefined" && document.querySelector("dialog[open]")) return true;
  const at = event.target as HTMLElement | null;
  if (typing(at)) return true;
  // With the keyboard, focus on a button or a link means that space and enter press it.
  const pressed = event.key === " " || event.key === "Enter";
  return pressed && !!at?.closest?.("button, a[href], summary, [role=button], [role=tab]");
}

/** Whether somebody types there: a field, an editable part, a list of choices. */
export function typing(at: HTMLElement | null): boolean {
  if (!at?.tagName) return false;
  if (at.isContentEditable || at.tagName === "TEXTAREA" || at.tagName === "SELECT") return true;
  return at.tagName === "INPUT" && !/^(button|submit|reset|checkbox|radio|color|file|image)$/.test((at as HTMLInputElement).type);
}

type Moved = Record<string, string[]>;

/** What a person moved: command -> keys. */
export function moved(storage: Pick<Storage, "getItem"> | null): Moved {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(KEPT) ?? "{}");
    return kept && typeof kept === "object" && !Array.isArray(kept) ? (kept as Moved) : {};
  } catch {
    return {};
  }
}

/** Give a command one key of its own, or (null) its first ones back. */
export function move(storage: Pick<Storage, "getItem" | "setItem">, id: string, key: string | null): void {
  const now = moved(storage);
  if (key === null) delete now[id];
  else now[id] = [key];
  storage.setItem(KEPT, JSON.stringify(now));
}

/** The keys of each command, moved ones first; a key has one command, and what a person moved wins it. */
export function keymap(commands: readonly Command[], changes: Moved = {}): Keymap {
  const map = new Map<string, string>();
  const ids = new Set(commands.map((command) => command.id));
  for (const [id, keys] of Object.entries(changes)) {
    if (ids.has(id) && Array.isArray(keys)) for (const key of keys) map.set(key, id);
  }
  for (const command of commands) {
    if (Array.isArray(changes[command.id])) continue;
    for (const key of command.keys) if (!map.has(key)) map.set(key, command.id);
  }
  return map;
}

/** The first key of a command, as printed; "" when another command took it. */
export function keyOf(map: Keymap, id: string): string {
  for (const [key, command] of map) if (command === id) return shown(key);
  return "";
}

export interface Named {
  name: string;
  key?: string | null; // wished for
}

/** A key for each class, by name: what it wishes for where that is free (a class called 4 wishes for 4), then 1-9 and 0,
then the letters that no command has. Classes beyond the last key have none: they are found by typing. */
export function classKeys(classes: readonly Named[], taken: Keymap): Map<string, string> {
  const keys = new Map<string, string>();
  const used = new Set<string>(taken.keys());
  for (const one of classes) {
    const wish = nameOf({ key: one.key || (DIGITS.includes(one.name) ? one.name : "") });
    if (wish.length === 1 && !used.has(wish)) {
      keys.set(one.name, wish);
      used.add(wish);
    }
  }
  const free = [...DIGITS, ...LETTERS].filter((key) => !used.has(key));
  for (const one of classes) {
    if (keys.has(one.name)) continue;
    const key = free.shift();
    if (!key) break;
    keys.set(one.name, key);
  }
  return keys;
}

/** Names in the order of their keys, as on a keyboard; those without a key come last, in their own order. */
export function inKeyOrder(names: readonly string[], keys: ReadonlyMap<string, string>): string[] {
  const order = DIGITS + LETTERS;
  const place = (name: string) => {
    const key = keys.get(name);
    if (key === undefined) return 1e6;
    return order.includes(key) ? order.indexOf(key) : 1e3;
  };
  return [...names].sort((a, b) => place(a) - place(b));
}
