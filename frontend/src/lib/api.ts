/** The server, by fetch: the session's cookie, the CSRF header, and errors as {title, status, detail, hint}. */

import type { Me } from "./types";

export const BASE = "/api/v1";

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    readonly detail: string,
    readonly hint = "",
    readonly wait = 0, // seconds the server asks to wait
  ) {
    super(detail);
  }
}

let csrf = "";
let lost: (passwords: boolean | null) => void = () => {};

/** Called when the server no longer knows this session (401), with whether people sign in by name and password. */
export function onSignedOut(then: (passwords: boolean | null) => void): void {
  lost = then;
}

export async function whoami(): Promise<Me> {
  const me = await get<Me>("/me");
  csrf = me.csrf ?? "";
  return me;
}

export interface Options {
  signal?: AbortSignal;
  timeout?: number; // milliseconds
}

export const get = <T>(path: string, options?: Options) => call<T>("GET", path, undefined, options);
export const post = <T>(path: string, body?: unknown, options?: Options) => call<T>("POST", path, body, options);
export const put = <T>(path: string, body?: unknown, options?: Options) => call<T>("PUT", path, body, options);
export const patch = <T>(path: string, body?: unknown, options?: Options) => call<T>("PATCH", path, body, options);
export const remove = <T>(path: string, body?: unknown, options?: Options) => call<T>("DELETE", path, body, options);

/** The answer as JSON. A CSRF token that has gone stale (the server was restarted) is asked for once more. */
export async function call<T>(method: string, path: string, body?: unknown, options: Options = {}): Promise<T> {
  let answer = await ask(method, path, body, options);
  if (answer.status === 403 && method !== "GET") {
    const before = csrf;
    await whoami().catch(() => undefined);
    if (csrf !== before) answer = await ask(method, path, body, options);
  }
  if (!answer.ok) throw await failure(answer);
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

/** A last word that goes out also while the page is being left. Nobody hears whether it arrived. */
export function farewell(path: string, body: unknown): void {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const said = { method: "POST", headers, body: JSON.stringify(body), keepalive: true, credentials: "same-origin" } as const;
  void fetch(BASE + path, said).catch(() => undefined);
}

/** The raw answer, for bytes and files. */
export async function ask(method: string, path: string, body: unknown, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  let content: BodyInit | undefined;
  if (body instanceof Blob) {
    content = body;
  } else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    content = JSON.stringify(body);
  }
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  const limit = AbortSignal.timeout(options.timeout ?? 60_000);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  try {
    return await fetch(BASE + path, { method, headers, body: content, signal, credentials: "same-origin" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "The server does not answer.", "Is labelsieve serve still running? Nothing is lost meanwhile.");
  }
}

async function failure(answer: Response): Promise<ApiError> {
  if (answer.status === 401) {
    const way = answer.headers.get("WWW-Authenticate");
    lost(way === null ? null : way.includes("users"));
  }
  const said = (await answer.json().catch(() => ({}))) as { detail?: unknown; title?: string; hint?: string };
  const detail = typeof said.detail === "string" ? said.detail : (said.title ?? `The server answered ${answer.status}.`);
  return new ApiError(answer.status, detail, said.hint ?? "", Number(answer.headers.get("Retry-After")) || 0);
}

/** The words for a person: the fact, then the hint, as sentences. */
export function inWords(error: unknown): string {
  if (error instanceof ApiError) return [error.detail, error.hint].filter(Boolean).map(sentence).join(" ");
  return error instanceof Error ? error.message : String(error);
}

/** With a capital where a plain word begins it, and an end; a command stays as it is typed. */
export function sentence(text: string): string {
  const begun = /^(?!labelsieve )\p{Ll}[\p{Ll}'’-]*[\s,]/u.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;
  return /[.!?…:]["'”’)]?$/.test(begun) ? begun : `${begun}.`;
}
