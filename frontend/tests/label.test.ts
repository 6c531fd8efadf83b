import { describe, expect, it } from "vitest";
import { Clock } from "../src/label/clock";
import { Line } from "../src/label/line";
import { address } from "../src/label/prepared";
import { finder, parts, pieces, wordFinder } from "../src/label/words";
import { answer, duration, percent } from "../src/lib/show";
import type { Card, Value } from "../src/lib/types";

const card = (item: number, more: Partial<Card> = {}): Card => ({ item, key: `k${item}`, modality: "image", query: 1, ...more });
const cards = (...items: number[]) => items.map((item) => card(item));
const CAT: Value = { tag: "class", names: ["cat"] };
const DOG: Value = { tag: "class", names: ["dog"] };

function line(...items: number[]): Line {
  let next = 0;
  const made = new Line(() => `id${next++}`);
  made.fill(cards(...items));
  return made;
}

const answers = (made: Line) => made.steps.map((step) => step.mine?.value.names?.[0] ?? null);

describe("the line", () => {
  it("goes on with each answer, and ends", () => {
    const made = line(1, 2);
    expect(made.answer(CAT, { seconds: 1.5 })).toEqual({ id: "id0", item: 1, value: CAT, query: 1, seconds: 1.5 });
    expect(made.now?.card.item).toBe(2);
    made.answer(DOG);
    expect(made.now).toBeUndefined();
    expect(made.answer(CAT)).toBeNull();
    made.fill(cards(3));
    expect(made.now?.card.item).toBe(3);
  });

  it("takes answers back to any depth, in their order", () => {
    const made = line(1, 2, 3);
    for (const value of [CAT, DOG, CAT]) made.answer(value);
    expect(made.undo()).toEqual({ body: { id: "id3", item: 3, value: null, supersedes: "id2" }, missing: null });
    made.undo();
    expect(made.now?.card.item).toBe(2);
    made.undo();
    expect(made.undo()).toBeNull();
    expect(answers(made)).toEqual([null, null, null]);
    expect(made.now?.card.item).toBe(1);
  });

  it("replaces an answer that is looked back at, then returns to the front; undo brings the old one back", () => {
    const made = line(1, 2, 3);
    made.answer(CAT);
    made.answer(CAT);
    made.look(-1);
    made.look(-1);
    expect(made.behind).toBe(true);
    expect(made.answer(DOG)?.supersedes).toBe("id0");
    expect(made.now?.card.item).toBe(3);
    made.undo();
    expect(answers(made)).toEqual(["cat", "cat", null]);
    expect(made.now?.card.item).toBe(1);
    made.toFront();
    expect(made.now?.card.item).toBe(3);
  });

  it("may be answered ahead of its turn; what was passed over comes after", () => {
    const made = line(1, 2, 3);
    made.look(1);
    made.answer(CAT);
    expect(made.now?.card.item).toBe(3);
    made.answer(CAT);
    expect(made.now?.card.item).toBe(1);
    expect(made.look(5)).toBe(false);
  });

  it("takes in each item once, and not what waits to be sent", () => {
    const made = line(1, 2);
    made.answer(CAT);
    made.fill(cards(1, 2, 3, 4), new Set([4]), true);
    expect(made.steps.map((step) => step.card.item)).toEqual([1, 2, 3]);
    expect(made.open).toBe(2);
    made.fill([card(1, { query: 2 })]); // asked anew by another query
    expect(made.steps.at(-1)?.card).toMatchObject({ item: 1, query: 2 });
  });

  it("lets go what somebody else has answered, but never what is shown", () => {
    const made = line(1, 2, 3, 4);
    made.answer(CAT);
    made.fill(cards(4, 5), new Set(), true);
    expect(made.steps.map((step) => step.card.item)).toEqual([1, 2, 4, 5]);
    expect(made.now?.card.item).toBe(2);
  });

  it("reaches back beyond this visit with what the server remembers", () => {
    const made = line(7, 8);
    made.answer(CAT);
    const older = [7, 6, 5].map((item, i) => ({ ...card(item), seq: 30 - i, mine: { id: item === 7 ? "id0" : `old${item}`, value: DOG } }));
    made.remember(older);
    expect(made.oldest).toBe(28);
    expect(made.now?.card.item).toBe(8);
    expect([made.undo(), made.undo(), made.undo(), made.undo()].map((one) => one?.body.supersedes)).toEqual(
      ["id0", "old6", "old5", undefined],
    );
    expect(made.now?.card.item).toBe(5);
    made.remember(older); // told again: taken back here, not yet there
    expect(made.undo()).toBeNull();
  });

  it("stays short over a long day, and still undoes what it let go", () => {
    const made = line();
    for (let i = 0; i < 2000; i++) {
      made.fill([card(i)]);
      made.answer(CAT);
    }
    expect(made.steps.length).toBeLessThan(300);
    expect(made.depth).toBe(2000);
    let missing = 0;
    for (let i = 0; i < 2000; i++) {
      const taken = made.undo();
      if (taken && taken.missing !== null) missing += 1;
    }
    expect(missing).toBeGreaterThan(1600);
    made.bring(card(3));
    expect(made.now?.card.item).toBe(3);
  });

  it("asks for the near-duplicates only where there are some and they are wanted", () => {
    const made = line();
    made.fill([card(1, { group: 3 }), card(2, { group: 3 }), card(3)]);
    expect(made.answer(CAT, { group: true })?.group).toBe(true);
    expect(made.answer(CAT, { group: false })?.group).toBeUndefined();
    expect(made.answer(CAT, { group: true })?.group).toBeUndefined();
  });
});

describe("the clock", () => {
  it("does not count hidden time, and stops at five minutes", () => {
    let now = 0;
    const clock = new Clock(() => now);
    now = 2000;
    clock.visible(false);
    now = 60_000;
    clock.visible(true);
    now = 61_500;
    expect(clock.seconds).toBe(3.5);
    clock.start();
    expect(clock.seconds).toBe(0);
    now += 10_000_000;
    expect(clock.seconds).toBe(300);
  });
});

describe("texts", () => {
  it("are cut in parts that are the text again, at the ends of words", () => {
    const words = Array.from({ length: 50_000 }, (_, i) => `word${i}`).join(" ");
    const cut = parts(words);
    expect(cut.join("")).toBe(words);
    expect(Math.max(...cut.map((part) => part.length))).toBeLessThan(5000);
    expect(cut.slice(0, -1).every((part) => part.endsWith(" "))).toBe(true);
    expect(parts("short")).toEqual(["short"]);
    const pairs = "😀".repeat(5000);
    expect(parts(pairs).every((part) => [...part].every((one) => one === "😀"))).toBe(true);
  });

  it("have words highlighted: whole ones, in any case and script, and never as a pattern", () => {
    const found = (text: string, ...words: string[]) => pieces(text, finder(words)).filter((_, i) => i % 2);
    expect(found("Card, cards, CARD", "card")).toEqual(["Card", "CARD"]);
    expect(found("Straße und Straßen", "straße")).toEqual(["Straße"]);
    expect(found("a.c abc (x", "a.c", "(x")).toEqual(["a.c", "(x"]);
    expect(finder(["", "  "])).toBeNull();
    const exactly = (text: string, ...words: string[]) => pieces(text, wordFinder(words)).filter((_, i) => i % 2);
    expect(exactly("Card, card-holder; my_card CARD’s 'card'", "card", "card-holder")).toEqual(["Card", "card-holder", "card"]);
    expect(exactly("a card", "-", "")).toEqual([]);
    expect(pieces("a b a", finder(["a"])).join("")).toBe("a b a");
  });
});

it("asks for a window of grey values in the address of the picture", () => {
  expect(address("/i/1/image?v=ab", { low: 10, high: 900 })).toBe("/i/1/image?v=ab&low=10&high=900");
  expect(address("/i/1/image", null)).toBe("/i/1/image");
});

it("never rounds what is less than all up to all", () => {
  expect([0, 0.0004, 0.123, 0.996, 0.99999, 1].map(percent)).toEqual(["0 %", "0.1 %", "12 %", "99.6 %", "99.9 %", "100 %"]);
  expect([7, 245, 4830].map(duration)).toEqual(["0:07", "4:05", "1 h 20 min"]);
});

describe("an answer in words", () => {
  it("names the classes", () => {
    expect(answer(CAT)).toBe("cat");
    expect(answer({ tag: "classes", names: ["joy", "anger"] })).toBe("joy, anger");
    expect(answer({ tag: "classes", names: [] })).toBe("none of them");
    expect(answer({ tag: "skip" })).toBe("skip");
  });
});
