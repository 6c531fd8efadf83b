/** What GET /tasks/{task}/progress says. */

import type { Job } from "../lib/news.svelte";

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

export interface CurvePoint extends Interval {
  labels: number;
  n: number;
}

export interface ClassRates {
  name: string;
  true: number;
  said: number;
  hits: number;
  precision: Interval | null;
  recall: Interval | null;
}

export interface Confusion {
  true: string;
  said: string;
  items: number[];
}

export interface Doubt {
  item: number;
  key: string;
  label: string;
  said: string;
  p: number;
}

export interface Curve {
  metric: string;
  points: CurvePoint[];
  control: CurvePoint[];
  over_control: Interval | null;
  forecast: { labels: number; more: number; score: Interval; gain: Interval } | null;
  found: { labels: number; found: number }[];
}

export interface Measured {
  stale: boolean;
  seconds: number;
  audit_labels: number;
  train_labels: number;
  lacking?: string;
  audit?: { n: number; metric: string; score: Interval; calibration: { error: number; by_chance: number } };
  classes?: ClassRates[];
  confusions?: Confusion[];
  curve?: Curve;
  doubts?: Doubt[];
  doubts_from?: number; // there are fewer labels: too few to doubt one
}

export interface Yield {
  answered: number;
  odd: number;
}

interface Cost {
  labels: number;
  sheets: number;
  hours: number;
}

export interface Promise_ {
  claim: string;
  bound: number;
  assumes: string[];
}

export interface Screen {
  search: {
    found: number;
    looked_at: number;
    searched: Yield;
    random: Yield;
    arms: ({ arm: string } & Yield)[];
    steps: { query: number; labels: number; found: number; search: Yield; drawn: Yield }[];
  };
  guarantee:
    | ({ decides: "corrected" | "known"; confidence: number; look: number; declared: number | null } & Record<string, unknown> & {
          counts: { audited: number; unreviewed: number; odd: number };
          next: { recall: number; cost: Cost; affordable: boolean } | null;
        })
    | null;
  audit: { number: number; drawn: number; open: number } | null;
}

export interface Plan {
  odd: number;
  audit: Cost | null;
  audit_if_missed: Cost | null;
  missed: number;
  affordable: boolean;
  most_labels: number;
  recall_within: number;
  rest_within: Promise_;
  spikes: Record<string, number>;
  goal: { pool: number; recall: number; confidence: number; looks: number };
}

export interface Speed {
  per_minute: number | null;
  median_seconds: number | null;
  lately: number | null;
  annotators: { name: string; labels: number; per_minute: number | null; median_seconds: number | null }[];
  series: { labels: number; per_minute: number }[];
  cost: { labels: number; timed: number; minutes: number; money: number; currency: string; seconds_each: number | null; money_each: number | null };
}

export interface Progress {
  items: number;
  labels: number;
  answered: number;
  classes: Record<string, number>;
  queries: number;
  budget: Record<string, number>;
  fit: { head?: string; name?: string; labels: number; audit: (Interval & { n: number }) | null } | null;
  advice: { stop: boolean; reasons: string[] };
  speed: Speed;
  screen: Screen | null;
  measured: Measured | null;
  job: Job | null;
}
