/** What a person set, kept in this browser; in memory alone where the browser forbids storage or has no room. */

const here = new Map<string, string>(); // what could not be kept

/** The browser's storage of this site; null where it is forbidden. */
export function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** Never throws: a setting that cannot be kept lasts until the page is loaded anew. */
export const settings: Pick<Storage, "getItem" | "setItem"> = {
  getItem(name) {
    const held = here.get(name);
    if (held !== undefined) return held;
    try {
      return storage()?.getItem(name) ?? null;
    } catch {
      return null;
    }
  },
  setItem(name, value) {
    try {
      const kept = storage();
      if (!kept) throw new Error("no storage");
      kept.setItem(name, value);
      here.delete(name);
    } catch {
      here.set(name, value);
    }
  },
};
