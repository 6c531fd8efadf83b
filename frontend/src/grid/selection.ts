/** Which positions of a view are selected: ranges [start, stop), apart and ascending, however many positions they hold. */

export type Range = [number, number];
export type Ranges = readonly Range[];

export const NOTHING: Ranges = [];

/** How many positions. */
export function size(ranges: Ranges): number {
  return ranges.reduce((sum, [start, stop]) => sum + stop - start, 0);
}

export function has(ranges: Ranges, position: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![1] <= position) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]![0] <= position;
}

/** With one more range; those that touch become one. */
export function add(ranges: Ranges, [start, stop]: Range): Ranges {
  if (start >= stop) return ranges;
  const apart = ranges.filter(([a, b]) => b < start || a > stop);
  const met = ranges.filter(([a, b]) => b >= start && a <= stop);
  const joined: Range = [Math.min(start, ...met.map((one) => one[0])), Math.max(stop, ...met.map((one) => one[1]))];
  return [...apart, joined].sort((a, b) => a[0] - b[0]);
}

/** Without a range. */
export function without(ranges: Ranges, [start, stop]: Range): Ranges {
  return ranges.flatMap(([a, b]): Range[] => {
    if (b <= start || a >= stop) return [[a, b]];
    const left: Range = [a, Math.min(b, start)];
    const right: Range = [Math.max(a, stop), b];
    return [left, right].filter(([from, to]) => from < to);
  });
}

export function toggle(ranges: Ranges, position: number): Ranges {
  const one: Range = [position, position + 1];
  return has(ranges, position) ? without(ranges, one) : add(ranges, one);
}

/** All between two positions, both included. */
export function between(a: number, b: number): Range {
  return [Math.min(a, b), Math.max(a, b) + 1];
}

/** The same positions in portions of at most `most`, in their order. */
export function portions(ranges: Ranges, most: number): Range[][] {
  const out: Range[][] = [];
  let now: Range[] = [];
  let left = most;
  for (const [start, stop] of ranges) {
    for (let from = start; from < stop; ) {
      const to = Math.min(stop, from + left);
      now.push([from, to]);
      left -= to - from;
      from = to;
      if (left === 0) {
        out.push(now);
        now = [];
        left = most;
      }
    }
  }
  if (now.length) out.push(now);
  return out;
}
