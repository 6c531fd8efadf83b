/** Where tiles lie. The scrolled layer is never higher than LAYER pixels: higher ones paint blank, and so one pixel of
the scroll bar may stand for many of the content. Pure numbers. */

export const LAYER = 5_000_000;
export const GAP = 8;

export interface Box {
  width: number; // of the part that is seen
  height: number;
}

export interface Plan {
  columns: number;
  side: number; // width of a tile
  tall: number; // height of a tile
  row: number; // height of a row with its gap
  rows: number;
  content: number; // height of all rows
  layer: number; // height of what is scrolled
}

/** How `total` tiles of at least `size` pixels lie in a box; `foot` is the height of a tile's caption, `shape` its
picture's height by its width. */
export function plan(total: number, box: Box, size: number, foot: number, shape = 1): Plan {
  const inner = Math.max(box.width - GAP, 72);
  const columns = Math.max(1, Math.floor(inner / (size + GAP)));
  const side = Math.floor(inner / columns) - GAP;
  const tall = Math.round(side * shape) + foot;
  const row = tall + GAP;
  const rows = Math.ceil(total / columns);
  const content = rows * row + GAP;
  return { columns, side, tall, row, rows, content, layer: Math.min(content, LAYER) };
}

/** The place in the content that a place of the scroll bar stands for. */
export function fromBar(bar: number, plan: Plan, box: Box): number {
  const far = plan.layer - box.height;
  return far <= 0 ? 0 : (Math.min(Math.max(bar, 0), far) / far) * Math.max(plan.content - box.height, 0);
}

/** The place of the scroll bar for a place in the content. */
export function toBar(top: number, plan: Plan, box: Box): number {
  const far = plan.content - box.height;
  return far <= 0 ? 0 : (Math.min(Math.max(top, 0), far) / far) * (plan.layer - box.height);
}

/** The tops that are possible. */
export function clamp(top: number, plan: Plan, box: Box): number {
  return Math.min(Math.max(top, 0), Math.max(plan.content - box.height, 0));
}

/** The positions [start, stop) whose tiles are alive, `extra` rows beyond both edges, at most `most` tiles. */
export function alive(top: number, total: number, plan: Plan, box: Box, extra = 1, most = 140): [number, number] {
  const first = Math.floor(top / plan.row);
  const last = Math.ceil((top + box.height) / plan.row);
  const seen = (last - first) * plan.columns;
  const more = seen + 2 * extra * plan.columns <= most ? extra : 0;
  const start = Math.max(0, (first - more) * plan.columns);
  return [Math.min(start, total), Math.min(total, (last + more) * plan.columns)];
}

/** The corner of a tile, seen from the top of the box. */
export function corner(position: number, top: number, plan: Plan): { x: number; y: number } {
  const row = Math.floor(position / plan.columns);
  const column = position - row * plan.columns;
  return { x: GAP + column * (plan.side + GAP), y: GAP + row * plan.row - top };
}

/** The position under a point of the box, or null in a gap or beyond the end. */
export function under(x: number, y: number, top: number, total: number, plan: Plan): number | null {
  const column = Math.floor((x - GAP) / (plan.side + GAP));
  const row = Math.floor((y + top - GAP) / plan.row);
  if (column < 0 || column >= plan.columns || row < 0) return null;
  const at = row * plan.columns + column;
  return at < total ? at : null;
}

/** The top that shows a position whole, as near as possible to the present one. */
export function reveal(position: number, top: number, plan: Plan, box: Box): number {
  const y = Math.floor(position / plan.columns) * plan.row;
  if (y < top) return clamp(y, plan, box);
  if (y + plan.row + GAP > top + box.height) return clamp(y + plan.row + GAP - box.height, plan, box);
  return top;
}

/** Where a key of movement leads from a position; null for other keys. */
export function moved(key: string, position: number, total: number, plan: Plan, box: Box): number | null {
  const page = Math.max(1, Math.floor(box.height / plan.row)) * plan.columns;
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -plan.columns,
    ArrowDown: plan.columns,
    PageUp: -page,
    PageDown: page,
    Home: -position,
    End: total - 1 - position,
  };
  const step = steps[key];
  if (step === undefined || total === 0) return null;
  const to = position + step;
  if (to < 0) return key === "PageUp" ? position % plan.columns : key === "ArrowUp" ? position : 0;
  if (to >= total) return key === "ArrowDown" && Math.floor(position / plan.columns) === plan.rows - 1 ? position : total - 1;
  return to;
}
