/** Pages by path, without a hash. What stands behind `?` belongs to the page, except `task`. */

export interface Place {
  path: string;
  search: URLSearchParams;
}

/** The place that an address names: no slash at the end, `/` is the first page. */
export function placeOf(address: string, first = "/label"): Place {
  const url = new URL(address, "http://here");
  const path = url.pathname.replace(/\/+$/, "");
  return { path: path || first, search: url.searchParams };
}

/** The address of a page, with the task kept and empty parameters left out. */
export function addressOf(path: string, parameters: Record<string, string | number | null | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const tail = search.toString();
  return tail ? `${path}?${tail}` : path;
}

/** The page of a path: the longest that it is, or lies below. */
export function pageFor<P extends { path: string }>(pages: readonly P[], path: string): P | undefined {
  const fitting = pages.filter((page) => path === page.path || path.startsWith(`${page.path}/`));
  return fitting.sort((a, b) => b.path.length - a.path.length)[0];
}

/** Whether a click on a link stays in the app: same origin, left button, no modifier, no download, no other tab. */
export function staysHere(event: MouseEvent, link: HTMLAnchorElement, origin: string): boolean {
  if (event.defaultPrevented || event.button !== 0) return false;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return false;
  if (link.hasAttribute("download") || (link.target && link.target !== "_self")) return false;
  const url = new URL(link.href, origin);
  return url.origin === origin && !url.pathname.startsWith("/api/") && url.pathname !== "/openapi.json";
}
