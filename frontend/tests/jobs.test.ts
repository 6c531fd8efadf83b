import { describe, expect, it } from "vitest";
import { measured, measuredShare } from "../src/people/types";
import { files, howFar, outcome, partDone, took } from "../src/jobs/words";
import type { Job } from "../src/lib/news.svelte";
import { classColours, hex, look, SCALE, steps } from "../src/map/colours";
import { curveLines, foundLines, shareRange } from "../src/progress/lines";

const job = (changes: Partial<Job>): Job => ({
  id: 1,
  kind: "embed",
  lane: "long",
  task: "main",
  args: {},
  state: "running",
  done: 0,
  total: 0,
  said: "",
  result: {},
  cancel: false,
  by: "me",
  added: "2026-01-01T00:00:00+00:00",
  started: "2026-01-01T00:00:00+00:00",
  beat: null,
  ended: null,
  ...changes,
});

describe("jobs in words", () => {
  it("says how far, how fast and how long still", () => {
    expect(howFar(job({ said: "embedding", done: 1200, total: 24000, result: { rate: 310.4, left: 73.5 } }))).toBe(
      "embedding · 1,200 of 24,000 · 310 a second · 1:14 left",
    );
    expect(howFar(job({ said: "fitting", done: 0, total: 1 }))).toBe("fitting");
    expect(howFar(job({ state: "waiting" }))).toBe("waits for its turn");
    expect(howFar(job({ state: "waiting", result: { lost: 1 } }))).toContain("taken up again");
    expect(howFar(job({ cancel: true }))).toBe("stopping");
  });

  it("knows the part that is done, or that nobody knows", () => {
    expect(partDone(job({ done: 5, total: 20 }))).toBe(0.25);
    expect(partDone(job({ done: 25, total: 20 }))).toBe(1);
    expect(partDone(job({ total: 0 }))).toBeNull();
    expect(partDone(job({ state: "waiting", done: 5, total: 20 }))).toBeNull();
  });

  it("says what came of it", () => {
    const ended = { ended: "2026-01-01T00:00:05+00:00", state: "done" as const };
    expect(took(job(ended))).toBe(5);
    expect(outcome(job({ ...ended, result: { done: 10, there: 2, set_aside: 1 } }))).toBe("10 embedded, 2 were there, 1 set aside in 5 s");
    expect(outcome(job({ ...ended, kind: "round", result: { exhausted: "nothing is left." } }))).toBe("nothing is left.");
    expect(outcome(job({ ...ended, state: "failed", result: { error: "no.", hint: "do." } }))).toBe("no. do.");
    expect(outcome(job({ ...ended, state: "cancelled", started: null }))).toBe("stopped before it began");
    expect(files(job({ ...ended, result: { files: ["exports/a.csv"] } }))).toEqual(["exports/a.csv"]);
    expect(files(job({ result: {} }))).toEqual([]);
  });
});

describe("colours of the map", () => {
  it("has a colour for every class, all of one form", () => {
    const all = classColours(200);
    expect(all).toHaveLength(200);
    expect(new Set(all).size).toBeGreaterThan(190);
    for (const colour of all) expect(colour).toMatch(/^#[0-9a-f]{6}$/);
    expect([hex(0, 1, 0.5), hex(120, 1, 0.5), hex(240, 1, 0.5)]).toEqual(["#ff0000", "#00ff00", "#0000ff"]);
  });

  it("puts numbers on the scale, and nothing where nothing is known", () => {
    expect([...steps(new Float32Array([NaN, 0, 0.5, 1]))]).toEqual([0, 1, 1 + SCALE.length / 2, SCALE.length]);
  });

  it("draws points that can be seen, however many there are", () => {
    for (const n of [1, 500, 50_000, 1_000_000, 10_000_000]) {
      expect(look(n, 700_000).size).toBeGreaterThanOrEqual(2);
      expect(look(n, 700_000).size).toBeLessThanOrEqual(7);
    }
  });
});

describe("lines of the progress page", () => {
  const point = (labels: number, mean: number) => ({ labels, mean, low: mean - 0.1, high: mean + 0.05, n: 50 });

  it("has the control where there is one", () => {
    const curve = { metric: "accuracy", points: [point(10, 0.5), point(20, 0.7)], control: [], over_control: null, forecast: null, found: [] };
    expect(curveLines(curve)).toHaveLength(1);
    const both = curveLines({ ...curve, control: [point(10, 0.4)] });
    expect(both.map((line) => line.points.length)).toEqual([2, 1]);
    expect(shareRange(both)).toEqual([0.3, 1]);
  });

  it("says what random search would have found", () => {
    const lines = foundLines([{ labels: 100, found: 30 }], 0.05);
    expect(lines[1]?.points[0]).toMatchObject({ x: 100, y: 5 });
    expect(foundLines([{ labels: 100, found: 30 }], null)).toHaveLength(1);
  });
});

describe("agreement in words", () => {
  it("has an interval, and shares are percentages", () => {
    expect(measured({ mean: -0.321, low: -0.56, high: 1 })).toBe("−0.32 (−0.56 to 1)");
    expect(measuredShare({ mean: 0.461, low: 0.23, high: 1 })).toBe("46 % (23 % to 100 %)");
    expect(measured({ mean: 0.5, low: null, high: null })).toBe("0.50");
    expect(measuredShare(null)).toBe("not known");
  });
});
