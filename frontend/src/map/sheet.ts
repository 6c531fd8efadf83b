/** The points of the map as the server sends them: bytes of a known kind. */

import { ask, ApiError } from "../lib/api";

export interface MapState {
  state: "none" | "ready";
  n: number;
  mark: string;
  engine: string;
  stale: boolean;
  landmarks: number;
  seconds: number;
}

export interface Legend {
  names: string[];
  counts: number[];
  ordered: boolean;
}

export type By = "label" | "prediction" | "uncertainty";

async function bytes(path: string): Promise<ArrayBuffer> {
  const answer = await ask("GET", path, undefined);
  if (!answer.ok) {
    const said = (await answer.json().catch(() => ({}))) as { detail?: string; hint?: string };
    throw new ApiError(answer.status, said.detail ?? `The server answered ${answer.status}.`, said.hint ?? "");
  }
  return answer.arrayBuffer();
}

/** x and y apart, as the drawing wants them. */
export async function points(path: string): Promise<{ x: Float32Array; y: Float32Array }> {
  const both = new Float32Array(await bytes(`${path}/points`));
  const n = both.length / 2;
  const x = new Float32Array(n);
  const y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    x[i] = both[2 * i]!;
    y[i] = both[2 * i + 1]!;
  }
  return { x, y };
}

export const ids = async (path: string) => new Float64Array(await bytes(`${path}/ids`));

export const kinds = async (path: string, by: By) => new Uint16Array(await bytes(`${path}/colours?by=${by}`));
export const values = async (path: string, by: By) => new Float32Array(await bytes(`${path}/colours?by=${by}`));

/** Whether this document may make functions of texts, as the drawing needs: only the document /map may. */
export function mayDraw(): boolean {
  try {
    return new Function("return true")() as boolean;
  } catch {
    return false;
  }
}
