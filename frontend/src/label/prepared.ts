/** Items made ready before their turn: pictures fetched and decoded, texts and rows built. Swapping one in is all that is
left to do when a key is pressed. */

import { cell } from "../lib/show";
import type { Card } from "../lib/types";
import { finder, parts, pieces, wordFinder } from "./words";

export interface Prepared {
  element: HTMLElement;
  image: HTMLImageElement | null;
  ready: Promise<void>;
  done: boolean; // ready to be shown
}

export interface Window16 {
  low: number;
  high: number;
}

export interface Look {
  window: Window16 | null; // of 16-bit pictures
  words: readonly string[]; // that the person looks for
  guess: boolean; // whether the guess of the head is shown, and what words say of it
}

export function prepare(card: Card, look: Look): Prepared {
  if (card.fault) return shownAtOnce(fault(card.fault, card.hint));
  if (card.image) return picture(card, look);
  if (card.text !== undefined && card.text !== null) return shownAtOnce(text(card, look));
  return shownAtOnce(row(card));
}

/** The address of a picture, with the window of grey values where one is set. */
export function address(image: string, window: Window16 | null): string {
  if (!window) return image;
  return `${image}${image.includes("?") ? "&" : "?"}low=${window.low}&high=${window.high}`;
}

function shownAtOnce(element: HTMLElement): Prepared {
  return { element, image: null, ready: Promise.resolve(), done: true };
}

function picture(card: Card, look: Look): Prepared {
  const image = new Image();
  image.alt = card.key;
  image.draggable = false;
  image.className = "picture";
  image.decoding = "sync";
  image.src = address(card.image!, look.window);
  const prepared: Prepared = { element: image, image, done: false, ready: Promise.resolve() };
  prepared.ready = image.decode().then(
    () => {
      prepared.done = true;
    },
    () => {
      prepared.element = fault(`The picture ${card.key} could not be loaded.`, "Skip it, or flag it.");
      prepared.done = true;
    },
  );
  return prepared;
}

function text(card: Card, look: Look): HTMLElement {
  const box = document.createElement("div");
  box.className = "text";
  box.dir = "auto";
  const said = look.guess ? card.words : null;
  const against = new Set(said?.against.map(folded));
  const telling = wordFinder([...(said?.speak ?? []), ...(said?.against ?? [])]);
  const typed = finder(look.words);
  for (const part of parts(card.text!)) {
    const block = document.createElement("div");
    block.className = "part";
    pieces(part, telling).forEach((piece, i) => {
      if (i % 2) return block.append(marked(piece, against.has(folded(piece)) ? "against" : "speaks", typed));
      return pieces(piece, typed).forEach((one, k) => block.append(k % 2 ? marked(one, "typed") : one));
    });
    box.append(block);
  }
  if (card.cut) box.append(note(`${card.cut.toLocaleString("en")} characters more are not shown.`));
  return box;
}

const folded = (word: string) => word.toLowerCase();

function marked(piece: string, kind: string, typed: RegExp | null = null): HTMLElement {
  const mark = document.createElement("mark");
  mark.className = typed && piece.match(typed) ? `${kind} typed` : kind;
  mark.textContent = piece;
  return mark;
}

function row(card: Card): HTMLElement {
  const list = document.createElement("dl");
  list.className = "row pairs";
  const pairs = Object.entries(card.row ?? {});
  if (!card.row) {
    if (card.lacks) pairs.push(["missing", card.lacks]);
    pairs.push(["key", card.key], ...Object.entries(card.meta ?? {})); // columns say more than numbers
    pairs.push(["numbers", card.numbers ?? ""]);
    pairs.push(...(card.values ?? []).map((value, i): [string, unknown] => [`number ${i + 1}`, value]));
  }
  for (const [name, value] of pairs) {
    const line = document.createElement("div");
    const title = document.createElement("dt");
    const content = document.createElement("dd");
    title.textContent = name;
    content.textContent = cell(value);
    content.dir = "auto";
    line.append(title, content);
    list.append(line);
  }
  return list;
}

function fault(said: string, hint = ""): HTMLElement {
  const box = note(said);
  box.classList.add("fault");
  if (hint) box.append(document.createElement("br"), hint);
  return box;
}

function note(said: string): HTMLElement {
  const box = document.createElement("p");
  box.className = "quiet";
  box.textContent = said;
  return box;
}
