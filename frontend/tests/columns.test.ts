import { describe, expect, it } from "vitest";
import { cellsOf, names, shownOf, type Order } from "../src/lib/cells";
import { withRows } from "../src/sheet/line";
import type { Card } from "../src/lib/types";

const order: Order = { columns: ["heat", "age", "2019", "name"], by: "head", labels: 40, shown: 3 };

describe("columns of tiles", () => {
  it("are those that tell most, or those that were chosen and are still there", () => {
    expect(shownOf(order, null)).toEqual(["heat", "age", "2019"]);
    expect(shownOf(order, ["name", "gone", "age"])).toEqual(["age", "name"]);
    expect(shownOf(order, ["gone"])).toEqual(["heat", "age", "2019"]);
    expect(shownOf(null, ["age"])).toEqual([]);
  });

  it("stand in their order, also where one is called by a number", () => {
    expect(cellsOf({ "2019": 1, heat: 2, other: 3 }, ["heat", "age", "2019"])).toEqual([["heat", 2], ["2019", 1]]);
    expect(cellsOf({ other: 3 }, ["heat"])).toEqual([["other", 3]]);
  });

  it("are read from whatever was kept", () => {
    expect(names('["a","b",3]')).toEqual(["a", "b"]);
    for (const kept of [null, "", "{", "[]", '"a"', "[1]"]) expect(names(kept)).toBeNull();
  });

  it("come anew for a sheet, and its marks stay", () => {
    const card = (item: number, row: Card["row"]): Card => ({ item, key: `k${item}`, modality: "row", query: 1, row });
    const sheet = { cards: [card(1, { a: 1 }), card(2, { a: 2 })], marks: [undefined, { tag: "unsure" as const }] };
    const now = withRows(sheet, [card(1, { b: 5 })]);
    expect(now.cards.map((one) => one.row)).toEqual([{ b: 5 }, { a: 2 }]);
    expect(now.marks).toBe(sheet.marks);
  });
});
