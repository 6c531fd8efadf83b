/** What goes on in the project, followed by server-sent events and shared by all pages: marks of the last label, query
and fit (they change when something comes), open and newly ended jobs, the worker processes. */

import { onServerEvent } from "./events";

export type JobState = "waiting" | "running" | "done" | "failed" | "cancelled";

export interface Job {
  id: number;
  kind: string;
  lane: "rounds" | "long";
  task: string | null;
  args: Record<string, unknown>;
  state: JobState;
  done: number;
  total: number;
  said: string;
  result: Record<string, unknown>;
  cancel: boolean;
  by: string;
  added: string;
  started: string | null;
  beat: string | null;
  ended: string | null;
}

export interface WorkerState {
  lane: string;
  alive: boolean;
  pid: number;
  trouble: string;
}

interface News {
  label: number;
  query: number;
  fit: number;
  jobs: Job[];
  workers: WorkerState[];
}

let now = $state.raw<Partial<News>>({});

export const news = {
  /** Numbers of the last label, query and fit; 0 before the first word of the server. */
  get label() {
    return now.label ?? 0;
  },
  get query() {
    return now.query ?? 0;
  },
  get fit() {
    return now.fit ?? 0;
  },
  /** Open jobs, and the few that ended last, newest first. */
  get jobs() {
    return now.jobs ?? [];
  },
  get workers() {
    return now.workers ?? [];
  },
  get heard() {
    return now.jobs !== undefined;
  },
};

/** Follow the news while an effect lives: `$effect(follow)`. */
export function follow(): () => void {
  return onServerEvent((event) => (now = { ...now, ...(event as Partial<News>) }));
}

/** A job that was started here, as it stands now. */
export function standing(started: Job | null): Job | null {
  return started && (news.jobs.find((job) => job.id === started.id) ?? started);
}

/** The newest open job of a kind (and task), if there is one. */
export function openJob(kind: string, task?: string): Job | undefined {
  return news.jobs.find((job) => job.kind === kind && !job.ended && (task === undefined || job.task === task));
}
