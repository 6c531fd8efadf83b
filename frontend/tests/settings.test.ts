/** What cannot be kept lasts until the page is loaded anew, and nothing breaks. */

import { expect, it } from "vitest";
import { Settings } from "../src/lib/settings";

function failing(): never {
  throw new DOMException("no", "QuotaExceededError");
}

it("keeps what it can", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value) };
  const settings = new Settings(() => storage as Storage);
  expect(settings.setItem("a", "1")).toBe(true);
  expect([settings.getItem("a"), settings.getItem("b"), kept.get("a")]).toEqual(["1", null, "1"]);
});

it.each([
  ["forbids it", () => null],
  ["has no room", () => ({ getItem: () => "old", setItem: failing, removeItem: failing }) as unknown as Storage],
  ["throws at the very name", failing],
])("holds a setting in memory where the browser %s", (_, find) => {
  const settings = new Settings(find as () => Storage | null);
  expect(settings.setItem("a", "1")).toBe(false);
  expect(settings.getItem("a")).toBe("1");
  settings.removeItem("a");
  expect(settings.getItem("a")).not.toBe("1");
});
