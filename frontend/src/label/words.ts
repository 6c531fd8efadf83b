/** Long texts in parts that the browser lays out when they are seen, and words to highlight in them. */

const PART = 3000; // characters: about a screen
const SPACE = /\s/;

/** The text in parts of about `size` characters, cut at an end of a line, else of a sentence, else of a word; joined
again they are the text. */
export function parts(text: string, size = PART): string[] {
  if (text.length <= size * 1.5) return [text];
  const out: string[] = [];
  let from = 0;
  while (text.length - from > size * 1.5) {
    const to = cutAt(text, from + size, from + Math.floor(size * 1.5));
    out.push(text.slice(from, to));
    from = to;
  }
  out.push(text.slice(from));
  return out;
}

function cutAt(text: string, low: number, high: number): number {
  const window = text.slice(low, high);
  const line = window.indexOf("\n");
  if (line >= 0) return low + line + 1;
  const sentence = window.search(/[.!?。！？]\s/);
  if (sentence >= 0) return low + sentence + 2;
  const word = window.search(SPACE);
  if (word >= 0) return low + word + 1;
  const last = text.charCodeAt(low - 1);
  return last >= 0xd800 && last < 0xdc00 ? low + 1 : low; // never inside a pair
}

/** What finds the words (whole ones, any case), or null where there are none. */
export function finder(words: readonly string[]): RegExp | null {
  const given = [...new Set(words.map((word) => word.trim()).filter(Boolean))].slice(0, 200);
  if (!given.length) return null;
  const escaped = given.sort((a, b) => b.length - a.length).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})(?![\\p{L}\\p{N}])`, "giu");
}

/** What finds these very words as the server cuts a text: "card-holder" is one word, and "card" is not in it. */
export function wordFinder(words: readonly string[]): RegExp | null {
  const plain = finder(words);
  const joined = "['’\\-]";
  return plain && new RegExp(`(?<![\\p{L}\\p{N}_]${joined}|_)${plain.source}(?!_|${joined}[\\p{L}\\p{N}_])`, "giu");
}

/** The text as pieces, every second one (1, 3, ...) found. */
export function pieces(text: string, find: RegExp | null): string[] {
  if (!find) return [text];
  const out: string[] = [];
  let from = 0;
  for (const match of text.matchAll(find)) {
    out.push(text.slice(from, match.index), match[0]);
    from = match.index + match[0].length;
  }
  out.push(text.slice(from));
  return out;
}
