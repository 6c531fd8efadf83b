/** The pages, in the order of the navigation. A page adds one line; its component is loaded when it is first opened. */

import type { Component } from "svelte";
import type { Role } from "../lib/types";

export interface Page {
  path: string;
  title: string;
  least: Role; // who may open it
  hidden?: boolean; // not in the navigation
  load: () => Promise<{ default: Component }>;
}

export const pages: Page[] = [
  { path: "/label", title: "Label", least: "annotator", load: () => import("./Label.svelte") },
  { path: "/sheet", title: "Sheet", least: "annotator", load: () => import("./Sheet.svelte") },
  { path: "/grid", title: "Grid", least: "viewer", load: () => import("./Grid.svelte") },
  { path: "/map", title: "Map", least: "viewer", load: () => import("./Map.svelte") },
  { path: "/progress", title: "Progress", least: "viewer", load: () => import("./Progress.svelte") },
  { path: "/jobs", title: "Jobs", least: "viewer", load: () => import("./Jobs.svelte") },
  { path: "/exchange", title: "Exchange", least: "reviewer", load: () => import("./Exchange.svelte") },
  { path: "/people", title: "People", least: "viewer", load: () => import("./People.svelte") },
  { path: "/login", title: "Sign in", least: "viewer", hidden: true, load: () => import("./Login.svelte") },
];
