/** What can be done in the grid, with the keys that do it. Letters that stand for classes are the label page's. */

import type { Command } from "../lib/keys";

export const COMMANDS: readonly Command[] = [
  { id: "select", title: "Select or deselect", keys: ["Space"] },
  { id: "open", title: "Show the item beside the grid", keys: ["Enter"] },
  { id: "clear", title: "Select nothing; close what is open", keys: ["Escape"] },
  { id: "unsure", title: "Unsure: I looked, and cannot say", keys: ["u"] },
  { id: "flag", title: "Flag for another look, or take the flag away", keys: ["f"] },
  { id: "near", title: "Similar: what is like this item", keys: ["s"] },
  { id: "undo", title: "Take the last act back, however many items it was", keys: ["Backspace"] },
  { id: "filter", title: "Filter", keys: ["/"] },
  { id: "bigger", title: "Larger tiles", keys: ["+", "="] },
  { id: "smaller", title: "Smaller tiles", keys: ["-"] },
  { id: "help", title: "All keys", keys: ["?"] },
];

/** Keys that move through the grid; with Shift they select on the way. */
export const MOVES: readonly (readonly [string, string])[] = [
  ["← → ↑ ↓", "To the next tile"],
  ["PgUp PgDn", "A page up or down"],
  ["Home End", "To the first or the last item"],
  ["Shift + these", "Select on the way"],
  ["Ctrl + A", "Select the whole view"],
];
