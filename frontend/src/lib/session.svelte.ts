/** Who is here, which project, which task; loaded once, and again after a sign-in. */

import * as api from "./api";
import { route, setSearch } from "./route.svelte";
import { settings } from "./settings";
import type { Me, Role, Task } from "./types";

const LAST = "labelsieve.task";
const RANK: Role[] = ["viewer", "annotator", "reviewer", "admin"];

let me = $state.raw<Me | null>(null);
let tasks = $state.raw<Task[]>([]);
let state = $state<"loading" | "ready" | "signed out" | "no answer">("loading");
let passwords = $state(false); // people sign in by name and password

export const session = {
  get me() {
    return me;
  },
  get tasks() {
    return tasks;
  },
  get state() {
    return state;
  },
  get passwords() {
    return passwords;
  },
  /** The task of this page: the one in the address, else the last one used, else the first. */
  get task(): Task | null {
    const wanted = route.search.get("task") ?? settings.getItem(LAST);
    return tasks.find((task) => task.name === wanted) ?? tasks[0] ?? null;
  },
  may(least: Role): boolean {
    return me !== null && RANK.indexOf(me.role) >= RANK.indexOf(least);
  },
};

export function chooseTask(name: string): void {
  settings.setItem(LAST, name);
  setSearch({ task: name }, false);
}

/** A task that an address names is the one to go on with. */
export function rememberTask(): void {
  const named = route.search.get("task");
  if (named && tasks.some((task) => task.name === named)) settings.setItem(LAST, named);
}

export async function load(): Promise<void> {
  api.onSignedOut((way) => {
    state = "signed out";
    passwords = way ?? passwords;
  });
  try {
    me = await api.whoami();
    await reloadTasks();
    state = "ready";
  } catch (error) {
    if (!(error instanceof api.ApiError && error.status === 401)) state = "no answer";
  }
}

/** The tasks anew: after a class was added or a guide was changed. */
export async function reloadTasks(): Promise<void> {
  tasks = await api.get<Task[]>("/tasks");
}
