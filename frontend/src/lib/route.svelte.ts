/** Where we are: reactive, and how to go elsewhere. */

import { addressOf, placeOf, staysHere } from "./router";

const here = () => placeOf(location.pathname + location.search);
let place = $state.raw(here());

export const route = {
  get path() {
    return place.path;
  },
  get search() {
    return place.search;
  },
};

/** Go to an address of the app; `replace` leaves no step behind. */
export function go(address: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  place = here();
}

/** Change parameters of this page (null takes one away). */
export function setSearch(changes: Record<string, string | null>, replace = true): void {
  const now = Object.fromEntries(new URLSearchParams(location.search));
  go(addressOf(location.pathname, { ...now, ...changes }), replace);
}

/** Listen to links and to the browser's back button. Returns how to stop. */
export function listen(): () => void {
  const click = (event: MouseEvent) => {
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || !staysHere(event, link, location.origin)) return;
    event.preventDefault();
    const before = place.path;
    go(link.pathname + link.search);
    // A link that keeps the focus would take Space and Enter, which answer on the page that it has opened.
    if (place.path !== before) document.getElementById("main")?.focus({ preventScroll: true });
  };
  const back = () => (place = here());
  document.addEventListener("click", click);
  window.addEventListener("popstate", back);
  return () => {
    document.removeEventListener("click", click);
    window.removeEventListener("popstate", back);
  };
}
