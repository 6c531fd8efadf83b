/** Jobs in words: what they are, how far they are, what came of them. */

import type { Job } from "../lib/news.svelte";
import { count, duration, number, percent } from "../lib/show";
import type { Role } from "../lib/types";

export interface Kind {
  kind: string;
  title: string;
  about: string;
  least: Role;
}

/** What a person may start, in the order in which one needs it. */
export const KINDS: Kind[] = [
  { kind: "embed", title: "Embed", about: "Compute the embeddings that are missing; everything else rests on them.", least: "admin" },
  { kind: "sync", title: "Sync", about: "Read the sources again: new, changed and vanished items.", least: "admin" },
  { kind: "index", title: "Index", about: "Build the index of nearest neighbours, for large pools.", least: "admin" },
  { kind: "map", title: "Map", about: "Lay the pool out in two dimensions.", least: "annotator" },
  { kind: "measure", title: "Measure", about: "Learning curve, classes and doubtful labels for the progress page.", least: "annotator" },
  { kind: "report", title: "Report", about: "Write the report, one HTML file.", least: "reviewer" },
  { kind: "export", title: "Export", about: "Write labels, predictions, model and card into exports/.", least: "reviewer" },
];

const TITLES: Record<string, string> = {
  round: "Fit and choose",
  fit: "Fit",
  similar: "Look for similar items",
  words: "Words for a guess",
  import: "Import",
  ...Object.fromEntries(KINDS.map((one) => [one.kind, one.title])),
};

export const titleOf = (job: Pick<Job, "kind">) => TITLES[job.kind] ?? job.kind;

/** How far a running job is: "1,200 of 24,000 · 310 a second · 1:13 left". */
export function howFar(job: Job): string {
  if (job.state === "waiting") return job.result["lost"] ? "waits: its worker ended, it is taken up again" : "waits for its turn";
  if (job.cancel) return "stopping";
  const parts = [job.said || "working"];
  if (job.total > 1) parts.push(`${number(job.done)} of ${number(job.total)}`);
  const { rate, left } = job.result as { rate?: number; left?: number };
  if (rate && job.total > 10) parts.push(`${number(rate >= 10 ? Math.round(rate) : rate, 2)} a second`);
  if (left !== undefined && job.total > 10) parts.push(`${duration(left)} left`);
  return parts.join(" · ");
}

/** The part that is done, null where nobody knows. */
export function partDone(job: Job): number | null {
  return job.state === "running" && job.total > 0 && job.done > 0 ? Math.min(1, job.done / job.total) : null;
}

/** Seconds between start and end, null where it never ran. */
export function took(job: Job): number | null {
  if (!job.started || !job.ended) return null;
  return Math.max(0, (Date.parse(job.ended) - Date.parse(job.started)) / 1000);
}

const seconds = (value: number | null) => (value === null ? "" : value < 10 ? `${number(value, 2)} s` : duration(value));

/** What came of a job that has ended. */
export function outcome(job: Job): string {
  const result = job.result as Record<string, number & string & string[]>;
  const spent = seconds(took(job));
  const within = spent ? ` in ${spent}` : "";
  if (job.state === "failed") return [result["error"], result["hint"]].filter(Boolean).join(" ");
  if (job.state === "cancelled") return `stopped${spent ? ` after ${spent}` : " before it began"}`;
  switch (job.kind) {
    case "round":
      if (result["exhausted"]) return String(result["exhausted"]);
      return `${count(result["items"] ?? 0, "item")} chosen${within}`;
    case "fit":
      return `${result["head"]} on ${count(result["labels"] ?? 0, "label")}${within}`;
    case "embed":
      return `${number(result["done"] ?? 0)} embedded, ${number(result["there"] ?? 0)} were there, ${number(result["set_aside"] ?? 0)} set aside${within}`;
    case "map":
      return result["known"] ? "nothing has changed" : `${count(result["items"] ?? 0, "point")}, ${number(result["landmarks"] ?? 0)} of them laid out${within}`;
    case "index":
      return `${count(result["items"] ?? 0, "item")}${result["recall"] ? `, recall ${percent(result["recall"])}` : ""}${within}`;
    case "sync":
      return `${["added", "changed", "gone"].filter((name) => name in result).map((name) => `${number(result[name]!)} ${name}`).join(", ") || "done"}${within}`;
    case "import":
      return `${count(result["added"] ?? 0, "label")} imported, ${number(result["known"] ?? 0)} were there, ${number(result["lost"] ?? 0)} left out${within}`;
    default:
      return `done${within}`;
  }
}

/** Files that a job wrote, by name. */
export function files(job: Job): string[] {
  return job.state === "done" ? ((job.result["files"] as string[] | undefined) ?? []) : [];
}
