/** Lines of a chart, from what the server measured. */

import type { Curve, CurvePoint } from "./types";

export interface Point {
  x: number;
  y: number;
  low?: number;
  high?: number;
}

export interface Line {
  name: string;
  colour: string; // a token of app.css
  dash?: number[];
  band?: boolean;
  points: Point[];
}

const points = (all: CurvePoint[]): Point[] =>
  all.filter((one) => one.mean !== null).map((one) => ({ x: one.labels, y: one.mean, low: one.low, high: one.high }));

/** The learning curve with its interval, and the random control beside it. */
export function curveLines(curve: Curve): Line[] {
  const lines: Line[] = [{ name: "Chosen items", colour: "--accent", band: true, points: points(curve.points) }];
  if (curve.control.length) {
    lines.push({ name: "As many random items", colour: "--quiet", dash: [6, 4], points: points(curve.control) });
  }
  return lines;
}

/** Odd items found over labels, and what random search would find at the rate of the random items. */
export function foundLines(found: Curve["found"], rate: number | null): Line[] {
  const lines: Line[] = [{ name: "Found", colour: "--accent", points: found.map((one) => ({ x: one.labels, y: one.found })) }];
  const last = found.at(-1);
  if (rate !== null && last) {
    lines.push({
      name: "At random (expected)",
      colour: "--quiet",
      dash: [6, 4],
      points: found.map((one) => ({ x: one.labels, y: one.labels * rate })),
    });
  }
  return lines;
}

/** The range of a share: a little below the lowest, up to 1. */
export function shareRange(lines: Line[]): [number, number] {
  const lows = lines.flatMap((line) => line.points.map((point) => (line.band ? (point.low ?? point.y) : point.y)));
  const low = Math.min(1, ...lows);
  return [Math.max(0, Math.floor((low - 0.05) * 10) / 10), 1];
}
