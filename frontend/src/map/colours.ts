/** Colours of points: one a class, grey for what stands for nothing, a scale for numbers. */

// Ten that are told apart by most eyes on white and on black; then turns of the wheel, light and dark by turns.
const FIRST = ["#2f6fde", "#e8710a", "#12a07c", "#d0399b", "#8d63d2", "#b58900", "#d14545", "#0e9fc4", "#6f9a1f", "#9c6b4e"];

/** The colours of `n` classes. */
export function classColours(n: number): string[] {
  return Array.from({ length: n }, (_, i) => FIRST[i] ?? turned(i));
}

function turned(i: number): string {
  const hue = (i * 137.508) % 360;
  return hex(hue, 0.62, i % 2 ? 0.42 : 0.6);
}

/** A colour by hue (degrees), saturation and lightness, as #rrggbb. */
export function hex(hue: number, saturation: number, lightness: number): string {
  const part = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${part(0)}${part(8)}${part(4)}`;
}

/** From sure to unsure: blue, over yellow, to red; legible on both papers. */
export const SCALE = ["#3b5fc0", "#4f86d9", "#6fb0c9", "#a5c486", "#e0c34a", "#ee9a33", "#e3662d", "#c93326"];

/** Numbers 0 .. 1 as steps of the scale, 0 for nothing and 1 .. SCALE.length for the rest. */
export function steps(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    out[i] = Number.isNaN(value) ? 0 : 1 + Math.min(SCALE.length - 1, Math.floor(value * SCALE.length));
  }
  return out;
}

/** From so many points on they are drawn as squares, without shining through, and move without transitions. */
export const MANY = 200_000;

/** How large points are, and how much shines through, by their number and the size of the picture. */
export function look(n: number, pixels: number): { size: number; opacity: number } {
  const room = Math.sqrt(pixels / Math.max(n, 1)); // pixels a point, were they spread evenly
  return { size: Math.min(7, Math.max(2, room * 0.4)), opacity: n > MANY ? 1 : n > 20_000 ? 0.7 : 0.9 };
}
