import { describe, expect, it } from "vitest";
import { alive, clamp, corner, fromBar, LAYER, moved, plan, reveal, toBar, under } from "../src/grid/geometry";
import { columnOrders, gridAddress, leavesOf, said, toSearch, tree, wantedFrom, type Filter } from "../src/grid/filter";
import { add, between, has, NOTHING, portions, size, toggle, without, type Ranges } from "../src/grid/selection";
import { Pages, type Tile } from "../src/grid/pages";

const box = { width: 1280, height: 640 };

describe("geometry", () => {
  it("fits tiles into the width", () => {
    for (const width of [200, 390, 1280, 3840]) {
      for (const wanted of [80, 152, 304]) {
        const lay = plan(1000, { width, height: 600 }, wanted, 24);
        const last = corner(lay.columns - 1, 0, lay);
        expect(last.x + lay.side).toBeLessThanOrEqual(width);
        expect(lay.side).toBeGreaterThanOrEqual(Math.min(wanted, width) - 16);
        expect(lay.rows).toBe(Math.ceil(1000 / lay.columns));
      }
    }
  });

  it("never scrolls a layer that is too high, and reaches the last row all the same", () => {
    const lay = plan(1_000_000, box, 152, 24);
    expect(lay.content).toBeGreaterThan(LAYER);
    expect(lay.layer).toBe(LAYER);
    expect(fromBar(0, lay, box)).toBe(0);
    expect(fromBar(LAYER - box.height, lay, box)).toBeCloseTo(lay.content - box.height, 3);
    const end = alive(fromBar(LAYER, lay, box), 1_000_000, lay, box);
    expect(end[1]).toBe(1_000_000);
  });

  it("goes from the bar to the content and back", () => {
    for (const total of [10, 5000, 1_000_000]) {
      const lay = plan(total, box, 112, 24);
      for (const share of [0, 0.3, 0.5, 0.999]) {
        const top = share * Math.max(0, lay.content - box.height);
        expect(fromBar(toBar(top, lay, box), lay, box)).toBeCloseTo(top, 3);
      }
    }
  });

  it("keeps few tiles alive, and all that are seen", () => {
    const lay = plan(1_000_000, box, 152, 24);
    for (const top of [0, 77, 123_456.7, lay.content - box.height]) {
      const [start, stop] = alive(top, 1_000_000, lay, box);
      expect(stop - start).toBeLessThanOrEqual(140);
      for (const y of [0, box.height / 2, box.height - 1]) {
        for (const x of [20, 600, 1200]) {
          const at = under(x, y, top, 1_000_000, lay);
          if (at !== null) expect(at >= start && at < stop).toBe(true);
        }
      }
    }
  });

  it("finds the tile under a point", () => {
    const lay = plan(500, box, 152, 24);
    for (const position of [0, 6, 7, 499]) {
      const { x, y } = corner(position, 300, lay);
      expect(under(x + lay.side / 2, y + lay.tall / 2, 300, 500, lay)).toBe(position);
    }
    expect(under(2, 2, 0, 500, lay)).toBeNull();
  });

  it("moves by keys within the pool", () => {
    const lay = plan(100, box, 152, 24);
    expect(moved("ArrowLeft", 0, 100, lay, box)).toBe(0);
    expect(moved("ArrowDown", 3, 100, lay, box)).toBe(3 + lay.columns);
    expect(moved("ArrowDown", 99, 100, lay, box)).toBe(99);
    expect(moved("ArrowUp", 2, 100, lay, box)).toBe(2);
    expect(moved("End", 2, 100, lay, box)).toBe(99);
    expect(moved("Home", 50, 100, lay, box)).toBe(0);
    expect(moved("PageUp", 5, 100, lay, box)).toBe(5 % lay.columns);
    expect(moved("x", 5, 100, lay, box)).toBeNull();
    expect(moved("End", 0, 0, lay, box)).toBeNull();
  });

  it("shows what the cursor is at", () => {
    const lay = plan(10_000, box, 152, 24);
    const down = reveal(5000, 0, lay, box);
    const { y } = corner(5000, down, lay);
    expect(y >= 0 && y + lay.tall <= box.height).toBe(true);
    expect(reveal(5000, down, lay, box)).toBe(down);
    expect(clamp(1e9, lay, box)).toBe(lay.content - box.height);
  });
});

describe("selection", () => {
  it("is what a set of positions would be", () => {
    let ranges: Ranges = NOTHING;
    const set = new Set<number>();
    let seed = 7;
    const next = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    for (let step = 0; step < 400; step++) {
      const range = between(next(60), next(60));
      const kind = next(3);
      if (kind === 0) ranges = add(ranges, range);
      else if (kind === 1) ranges = without(ranges, range);
      else ranges = toggle(ranges, range[0]);
      for (let at = range[0]; at < range[1]; at++) {
        if (kind === 0) set.add(at);
        else if (kind === 1) set.delete(at);
      }
      if (kind === 2) set.has(range[0]) ? set.delete(range[0]) : set.add(range[0]);
      expect(size(ranges)).toBe(set.size);
      for (let at = 0; at < 61; at++) expect(has(ranges, at)).toBe(set.has(at));
      for (let i = 1; i < ranges.length; i++) expect(ranges[i]![0]).toBeGreaterThan(ranges[i - 1]![1]);
    }
  });

  it("is cut into portions that hold all of it once", () => {
    const ranges: Ranges = [[0, 3], [10, 31], [40, 41]];
    const parts = portions(ranges, 10);
    expect(parts.map(size)).toEqual([10, 10, 5]);
    const all = parts.flat().flatMap(([a, b]) => Array.from({ length: b - a }, (_, i) => a + i));
    expect(all).toEqual([0, 1, 2, ...Array.from({ length: 21 }, (_, i) => 10 + i), 40]);
  });
});

describe("filter", () => {
  const leaves: Filter = { what: "all", of: [{ what: "label", classes: ["cat"] }, { what: "flagged" }] };

  it("goes into the address and back", () => {
    const wanted = wantedFrom(new URLSearchParams(gridAddress({ filter: leaves, near: 7 }).split("?")[1]));
    expect(wanted.filter).toEqual(leavesOf(leaves));
    expect(wanted.near).toBe(7);
    expect(tree(wanted)).toEqual(leaves);
    const sorted = { ...wanted, sort: { by: "random" as const, descending: false, seed: 9 } };
    const search = new URLSearchParams(Object.entries(toSearch(sorted)).filter((one): one is [string, string] => one[1] !== null));
    expect(wantedFrom(search)).toEqual(sorted);
  });

  it("takes the order by a column along, whatever it is called", () => {
    const sort = { by: "column" as const, descending: true, name: "a:b &c" };
    const wanted = { ...wantedFrom(new URLSearchParams()), sort };
    const search = new URLSearchParams({ sort: toSearch(wanted).sort! });
    expect(wantedFrom(search).sort).toEqual(sort);
    expect(columnOrders([], sort).map((one) => one.name)).toEqual(["a:b &c", "a:b &c"]);
    expect(columnOrders(["a:b &c"], sort)).toHaveLength(2);
    expect(wantedFrom(new URLSearchParams({ sort: "column:up" })).sort).toEqual({ by: "id" });
  });

  it("keeps a tree that is no row of conditions as it is", () => {
    const other: Filter = { what: "not", of: { what: "flagged" } };
    const wanted = wantedFrom(new URLSearchParams({ filter: JSON.stringify(other) }));
    expect(wanted.own).toEqual(other);
    expect(tree(wanted)).toEqual(other);
  });

  it("shows everything where the address cannot be read", () => {
    for (const text of ["{", "null", "3", "[]"]) {
      const wanted = wantedFrom(new URLSearchParams({ filter: text, sort: "x", near: "y" }));
      expect(tree(wanted)).toEqual({ what: "all", of: [] });
      expect(wanted.near).toBeNull();
    }
  });

  it("says conditions in words", () => {
    expect(said({ what: "label", classes: ["cat"], states: ["none"] })).toBe("label: cat, no label");
    expect(said({ what: "guess", classes: ["cat"], low: 0.5, high: 1 })).toBe("guess: cat 50 % to 100 %");
    expect(said({ what: "column", name: "size", relation: "range", low: 1, high: null })).toBe("size from 1 to ∞");
  });
});

describe("pages", () => {
  const tile = (item: number) => ({ item, key: `k${item}`, label: null }) as unknown as Tile;

  it("asks for a page once, gives up what is out of sight, and keeps what it knows while it asks anew", async () => {
    const asked: string[] = [];
    const signals: AbortSignal[] = [];
    let changes = 0;
    const pages = new Pages("v", 1_000_000, () => (changes += 1), async (path, { signal }) => {
      asked.push(path);
      signals.push(signal);
      const start = Number(/start=(\d+)/.exec(path)![1]);
      await new Promise((done) => setTimeout(done, 5));
      if (signal.aborted) throw new Error("aborted");
      return { total: 1_000_000, start, items: Array.from({ length: 100 }, (_, i) => tile(start + i)) };
    });
    pages.need(0, 150);
    pages.need(10, 160);
    expect(asked).toHaveLength(2);
    pages.need(500_000, 500_040);
    expect(signals.map((one) => one.aborted)).toEqual([true, true, false]);
    await new Promise((done) => setTimeout(done, 20));
    expect(pages.at(500_001)?.key).toBe("k500001");
    expect(pages.at(3)).toBeUndefined();
    expect(pages.known([[500_000, 500_003]])?.map((one) => one.item)).toEqual([500_000, 500_001, 500_002]);
    expect(pages.known([[500_099, 500_102]])).toBeNull();
    pages.change((one) => one.item === 500_001, (one) => ({ ...one, flagged: true }));
    expect(pages.at(500_001)?.flagged).toBe(true);
    pages.refresh();
    pages.need(500_000, 500_010);
    expect(pages.at(500_001)?.flagged).toBe(true);
    await new Promise((done) => setTimeout(done, 20));
    expect(pages.at(500_001)?.flagged).toBeUndefined();
    expect(changes).toBeGreaterThan(2);
  });
});
