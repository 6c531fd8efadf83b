import { describe, expect, it } from "vitest";
import { COMMANDS } from "../src/label/commands";
import { classKeys, inKeyOrder, keymap, keyOf, move, moved, nameOf, notOurs, typing } from "../src/lib/keys";

const map = keymap(COMMANDS);
const named = (...names: string[]) => names.map((name) => ({ name }));

class Kept {
  private readonly all = new Map<string, string>();
  getItem = (key: string) => this.all.get(key) ?? null;
  setItem = (key: string, value: string) => void this.all.set(key, value);
}

describe("names of keys", () => {
  it("are the same with Caps Lock, and plain for space", () => {
    expect([" ", "A", "a", "?", "ArrowLeft", "Backspace"].map((key) => nameOf({ key }))).toEqual(
      ["Space", "a", "a", "?", "ArrowLeft", "Backspace"],
    );
  });

  it("are those of the same keys on keyboards whose digits need Shift, or whose letters are not Latin", () => {
    const pressed = (key: string, code: string, shiftKey = false) => nameOf({ key, code, shiftKey });
    expect([pressed("&", "Digit1"), pressed("-", "Digit6"), pressed("à", "Digit0"), pressed("1", "Digit1", true)]).toEqual(["1", "6", "0", "1"]);
    expect([pressed("г", "KeyU"), pressed("Υ", "KeyY"), pressed("ä", "Quote"), pressed("a", "KeyQ"), pressed("é", "KeyE")]).toEqual(["u", "y", "ä", "a", "é"]);
    expect([pressed("?", "Slash", true), pressed("!", "Digit1", true), pressed("Enter", "Enter"), pressed("5", "Numpad5")]).toEqual(["?", "!", "Enter", "5"]);
  });
});

describe("commands", () => {
  it("have keys that no other command has", () => {
    const keys = COMMANDS.flatMap((command) => command.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("can be moved, the moved one wins a key, and back again", () => {
    const kept = new Kept();
    move(kept, "flag", "u");
    const changed = keymap(COMMANDS, moved(kept));
    expect(changed.get("u")).toBe("flag");
    expect(changed.get("f")).toBeUndefined();
    expect(keyOf(changed, "unsure")).toBe("");
    move(kept, "flag", null);
    expect(keymap(COMMANDS, moved(kept))).toEqual(map);
  });

  it("survive nonsense in the storage", () => {
    for (const text of ["", "null", "[]", "{", '{"flag": 3}', '{"nothing": ["q"]}']) {
      const kept = { getItem: () => text };
      expect(keymap(COMMANDS, moved(kept)).get("Space")).toBe("skip");
    }
  });
});

describe("keys of classes", () => {
  it("are 1-9, 0, then letters that no command has", () => {
    const names = Array.from({ length: 40 }, (_, i) => `class ${i}`);
    const keys = classKeys(named(...names), map);
    expect([...keys.values()].slice(0, 12)).toEqual([..."1234567890", "a", "b"]);
    for (const key of keys.values()) expect(map.has(key)).toBe(false);
    expect(new Set(keys.values()).size).toBe(keys.size);
    expect(keys.size).toBeLessThan(40);
    expect(keys.size).toBeGreaterThan(25);
  });

  it("are what a class is called where that is a digit", () => {
    const keys = classKeys(named("0", "4", "3"), map);
    expect(Object.fromEntries(keys)).toEqual({ "0": "0", "4": "4", "3": "3" });
    expect(inKeyOrder(["0", "4", "3"], keys)).toEqual(["3", "4", "0"]);
    expect([...classKeys(named("a", "b", "23", ""), map).values()]).toEqual([..."1234"]); // letters wish for nothing
  });

  it("are wished for, but never taken from a command or from one another", () => {
    const keys = classKeys([{ name: "cat", key: "C" }, { name: "cow", key: "c" }, { name: "fox", key: "f" }], map);
    expect(Object.fromEntries(keys)).toEqual({ cat: "c", cow: "1", fox: "2" });
  });
});

describe("keys that are not ours", () => {
  const at = (tagName: string, more: object = {}) => ({ tagName, closest: () => null, ...more }) as unknown as HTMLElement;
  const press = (key: string, target: HTMLElement, more: object = {}) => ({ key, target, ...more }) as unknown as KeyboardEvent;

  it("are those typed in a field", () => {
    for (const field of [at("INPUT", { type: "text" }), at("TEXTAREA"), at("SELECT"), at("DIV", { isContentEditable: true })]) {
      expect(typing(field)).toBe(true);
      expect(notOurs(press("1", field))).toBe(true);
    }
    expect(typing(at("INPUT", { type: "checkbox" }))).toBe(false);
    expect(notOurs(press("1", at("BODY")))).toBe(false);
  });

  it("are those with a modifier, and space and enter on a button", () => {
    expect(notOurs(press("1", at("BODY"), { ctrlKey: true }))).toBe(true);
    const button = at("BUTTON", { closest: () => ({}) });
    expect(notOurs(press(" ", button))).toBe(true);
    expect(notOurs(press("1", button))).toBe(false);
  });
});
