/** What a person set, kept in this browser; in memory alone where the browser forbids storage or has no room. */

/** A storage of this site; null where it is forbidden. */
export function storage(which: "localStorage" | "sessionStorage" = "localStorage"): Storage | null {
  try {
    return window[which];
  } catch {
    return null;
  }
}

/** Texts by name that never throw: one that cannot be kept lasts until the page is loaded anew. */
export class Settings {
  private readonly held = new Map<string, string>(); // what could not be kept

  constructor(private readonly find: () => Storage | null) {}

  getItem(name: string): string | null {
    const held = this.held.get(name);
    if (held !== undefined) return held;
    try {
      return this.find()?.getItem(name) ?? null;
    } catch {
      return null;
    }
  }

  /** Whether it is kept. */
  setItem(name: string, value: string): boolean {
    try {
      const kept = this.find();
      if (!kept) throw new Error("no storage");
      kept.setItem(name, value);
      this.held.delete(name);
      return true;
    } catch {
      this.held.set(name, value);
      return false;
    }
  }

  removeItem(name: string): void {
    this.held.delete(name);
    try {
      this.find()?.removeItem(name);
    } catch {
      // what cannot be written need not be taken out
    }
  }
}

/** Until it is changed. */
export const settings = new Settings(() => storage());

/** Until this tab is closed. */
export const visit = new Settings(() => storage("sessionStorage"));
