/** Short words at the edge of the page that go away by themselves; wrong ones stay until closed. */

export interface Said {
  id: number;
  text: string;
  kind: "plain" | "wrong";
  action?: { title: string; run: () => void };
}

let next = 1;
let all = $state.raw<Said[]>([]);

export const toasts = {
  get all() {
    return all;
  },
};

export function say(text: string, options: Partial<Pick<Said, "kind" | "action">> & { stay?: number } = {}): number {
  const one: Said = { id: next++, text, kind: options.kind ?? "plain", action: options.action };
  all = [...all.filter((other) => other.text !== text), one].slice(-4);
  if (one.kind === "plain") setTimeout(() => unsay(one.id), options.stay ?? 4000);
  return one.id;
}

export function unsay(id: number): void {
  all = all.filter((one) => one.id !== id);
}
