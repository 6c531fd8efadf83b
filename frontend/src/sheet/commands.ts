/** What can be done on a contact sheet, with the keys that do it. */

import type { Command } from "../lib/keys";

export const COMMANDS: readonly Command[] = [
  { id: "mark", title: "Mark the tile; again: the next class, then none", keys: ["Space"] },
  { id: "unsure", title: "Unsure: I looked, and cannot say", keys: ["u"] },
  { id: "leave", title: "Leave the tile out (skip)", keys: ["Delete"] },
  { id: "zoom", title: "Hold: show the tile large", keys: ["z"] },
  { id: "finish", title: "All others are as said below; the next sheet", keys: ["Enter"] },
  { id: "undo", title: "Take the last sheet back, with its marks", keys: ["Backspace"] },
  { id: "help", title: "All keys", keys: ["?"] },
];

export const SIZES = [16, 36, 64, 100] as const;
