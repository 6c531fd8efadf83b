import { describe, expect, it } from "vitest";
import { answers, columnsFor, cut, cycled, named, OUT, same, undone } from "../src/sheet/line";
import type { Card } from "../src/lib/types";

const card = (item: number, more: Partial<Card> = {}): Card => ({ item, key: `k${item}`, modality: "image", query: 1, ...more });
let n = 0;
const id = () => `id${n++}`;

describe("sheet", () => {
  it("is cut from what is neither shown, nor answered, nor on its way", () => {
    const cards = [1, 2, 3, 4, 5, 6].map((item) => card(item));
    const sheet = cut(cards, 3, new Set(["1/1"]), new Set([3]));
    expect(sheet?.cards.map((one) => one.item)).toEqual([2, 4, 5]);
    expect(cut(cards, 3, new Set(cards.map((one) => `1/${one.item}`)), new Set())).toBeNull();
  });

  it("leaves out what cannot be shown", () => {
    const sheet = cut([card(1, { fault: "gone" }), card(2)], 9, new Set(), new Set())!;
    const given = answers(sheet, named("dull", false), 10, id);
    expect(given.map((one) => one.value)).toEqual([OUT, { tag: "class", names: ["dull"] }]);
  });

  it("goes through the classes by clicks, then to none", () => {
    const names = ["crack", "stain"];
    let mark = cycled(undefined, names, false);
    expect(mark?.names).toEqual(["crack"]);
    mark = cycled(mark, names, false);
    expect(mark?.names).toEqual(["stain"]);
    expect(cycled(mark, names, false)).toBeUndefined();
    expect(cycled({ tag: "unsure" }, names, false)).toBeUndefined();
    expect(cycled(undefined, [], false)).toBeUndefined();
  });

  it("answers every item once, with its query and its share of the time", () => {
    const sheet = { cards: [card(1), card(2, { group: 3 }), card(3)], marks: [undefined, named("odd", false), undefined] };
    const given = answers(sheet, named("dull", false), 6, id);
    expect(given.map((one) => one.value?.names)).toEqual([["dull"], ["odd"], ["dull"]]);
    expect(given.map((one) => one.group)).toEqual([undefined, true, undefined]);
    expect(new Set(given.map((one) => one.id)).size).toBe(3);
    expect(given.every((one) => one.seconds === 2 && one.query === 1)).toBe(true);
    const back = undone(given, id);
    expect(back.map((one) => one.supersedes)).toEqual(given.map((one) => one.id));
    expect(back.every((one) => one.value === null)).toBe(true);
  });

  it("compares marks", () => {
    expect(same(undefined, undefined)).toBe(true);
    expect(same(named("a", false), named("a", false))).toBe(true);
    expect(same(named("a", false), named("b", false))).toBe(false);
    expect(same({ tag: "unsure" }, { tag: "skip" })).toBe(false);
  });

  it("fits a sheet into the box, or scrolls where tiles would be too small", () => {
    for (const count of [16, 36, 64, 100]) {
      const { columns, side } = columnsFor(count, 1280, 640, 48, 30);
      expect(Math.ceil(count / columns) * (side + 30)).toBeLessThanOrEqual(640);
      expect(columns * side).toBeLessThanOrEqual(1280);
    }
    expect(columnsFor(64, 390, 500, 84, 30)).toEqual({ columns: 4, side: 97 });
  });
});
