/** What a person can ask for: why items are handed out. */

import type { Task } from "./types";

export interface Purpose {
  name: string; // "": the search
  title: string;
  screen?: boolean; // in a screen alone
}

const PURPOSES: readonly Purpose[] = [
  { name: "", title: "what helps the model most" },
  { name: "audit", title: "random items that measure the model" },
  { name: "calibration", title: "random items that set its probabilities" },
  { name: "control", title: "random items, to compare" },
  { name: "certify", title: "random items that show what is left (certify)", screen: true },
];

/** Those of a task, and the one that is asked for now. */
export function purposesOf(task: Pick<Task, "kind">, now: string | null): Purpose[] {
  const found = PURPOSES.filter((one) => task.kind === "screen" || !one.screen || one.name === now);
  return now && !found.some((one) => one.name === now) ? [...found, { name: now, title: now }] : found;
}

/** Why an item was asked, where its query says no more. */
export function whyOf(purpose: string | null | undefined): string {
  if (purpose === "audit") return "Drawn at random: it measures the model and never trains it.";
  if (purpose === "calibration") return "Drawn at random: it sets how sure the model may be.";
  if (purpose === "control") return "Drawn at random: to compare the search with.";
  if (purpose === "certify") return "Drawn at random, whatever the model thinks: it shows how much is left to find.";
  return "It was asked by this query.";
}
