/** What can be done while labelling, with the keys that do it. */

import type { Command } from "../lib/keys";

export const COMMANDS: readonly Command[] = [
  { id: "skip", title: "Skip this item", keys: ["Space"] },
  { id: "unsure", title: "Unsure: I looked, and cannot say", keys: ["u"] },
  { id: "undo", title: "Take the last answer back (any number of times)", keys: ["Backspace"] },
  { id: "done", title: "Several classes: these are all", keys: ["Enter"] },
  { id: "back", title: "Look back", keys: ["ArrowLeft"] },
  { id: "forward", title: "Look forward", keys: ["ArrowRight"] },
  { id: "front", title: "To the first item without an answer", keys: ["End"] },
  { id: "flag", title: "Flag for another look, or take the flag away", keys: ["f"] },
  { id: "find", title: "Name a class: find one by typing, or a new one", keys: ["n"] },
  { id: "near", title: "Similar: what is like this item, in the grid", keys: ["s"] },
  { id: "part", title: "This item only: leave its near-duplicates out", keys: ["p"] },
  { id: "guess", title: "Show or hide the model's guess", keys: ["g"] },
  { id: "info", title: "Show or hide the side panel", keys: ["i"] },
  { id: "bigger", title: "Zoom in", keys: ["+", "="] },
  { id: "smaller", title: "Zoom out", keys: ["-"] },
  { id: "whole", title: "The whole picture", keys: ["z"] },
  { id: "up", title: "Scroll up, or move the zoomed picture", keys: ["ArrowUp"] },
  { id: "down", title: "Scroll down, or move the zoomed picture", keys: ["ArrowDown"] },
  { id: "help", title: "All keys", keys: ["?"] },
];

/** Commands whose key may repeat while it is held down. */
export const REPEATING = new Set(["skip", "unsure", "undo", "back", "forward", "bigger", "smaller", "up", "down"]);

/** Commands that answer: they wait until the item has been on the screen. */
export const ANSWERING = new Set(["skip", "unsure", "undo", "done"]);
