/** What the server says of people: the shapes of /people, /tokens, /trail, /agreement and /adjudication. */

import { percent } from "../lib/show";
import type { Card, Role, Value } from "../lib/types";

export interface Member {
  name: string;
  role: Role;
  added: string;
  tokens: number;
  sessions: number;
}

export interface Token {
  id: number;
  person: string;
  name: string;
  added: string;
  until: string | null;
  used: string | null;
}

export interface Entry {
  number: number;
  at: string;
  who: string;
  what: string;
  detail: Record<string, unknown>;
}

/** A number with its interval; null where it cannot be known. */
export interface Measured {
  mean: number | null;
  low: number | null;
  high: number | null;
}

export interface Pair {
  first: string;
  second: string;
  items: number;
  same: Measured | null;
  kappa: Measured | null;
}

export interface Confusion {
  name: string;
  true: string;
  said: string;
  times: number;
  share: number;
}

export interface Agreement {
  state: "ready" | "preparing";
  twice: number;
  items?: number;
  answers?: number;
  alpha?: Measured | null;
  fleiss?: Measured | null;
  people?: { name: string; answers: number; right: Measured | null }[];
  pairs?: Pair[];
  confusions?: Confusion[];
  consensus?: { doubtful: number; against_majority: number | null; converged: boolean } | null;
}

export interface Question extends Card {
  reason: "differ" | "doubtful";
  names: string[]; // what is most likely
  p: number | null;
  answers: { id: string; by: string; value: Value; at: string; source: string }[];
}

export interface Questions {
  items: Question[];
  left: number;
  decided: number;
  stale: boolean;
}

/** "0.74 (0.39 to 1)": a number with its interval. */
export function measured(found: Measured | null | undefined, shown = two): string {
  if (!found || found.mean === null) return "not known";
  if (found.low === null || found.high === null) return shown(found.mean);
  return `${shown(found.mean)} (${shown(found.low)} to ${shown(found.high)})`;
}

/** "74 % (39 % to 100 %)": a share with its interval. */
export function measuredShare(found: Measured | null | undefined): string {
  return measured(found, percent);
}

function two(value: number): string {
  return value.toFixed(2).replace(/\.00$/, "").replace("-", "−");
}

/** A time of the server as the person's own clock shows it, in one piece. */
export function when(text: string | null): string {
  if (!text) return "never";
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }).replaceAll(" ", "\u00a0");
}

/** The day of a time. */
export function day(text: string): string {
  return new Date(text).toLocaleDateString([], { dateStyle: "medium" }).replaceAll(" ", "\u00a0");
}
