/** What the server tells by itself (SSE). One connection a tab, only while somebody listens and the tab is seen. */

import { BASE } from "./api";

/** What changed: jobs as they go on; marks of the last label, fit and query. */
export type ServerEvent = Record<string, unknown>;

type Listener = (event: ServerEvent) => void;
const listeners = new Set<Listener>();
let source: EventSource | null = null;

/** Call `listener` for every event until the returned function is called. */
export function onServerEvent(listener: Listener): () => void {
  listeners.add(listener);
  settle();
  return () => {
    listeners.delete(listener);
    settle();
  };
}

function settle(): void {
  const wanted = listeners.size > 0 && document.visibilityState === "visible";
  if (wanted && !source) {
    source = new EventSource(`${BASE}/events`);
    source.onmessage = (message) => {
      const event = JSON.parse(message.data as string) as ServerEvent;
      for (const listener of listeners) listener(event);
    };
  } else if (!wanted && source) {
    source.close();
    source = null;
  }
}

if (typeof document !== "undefined") document.addEventListener("visibilitychange", settle);
