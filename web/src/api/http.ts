// Asks the server this page came from, takes the time, and makes every failure a Problem.

export interface FieldError {
  index?: number;
  field?: string;
  reason: string;
  message: string;
}

/** A problem document (RFC 9457), or that there was no answer at all: status 0. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
  ) {
    super(detail);
  }
}

export interface Timed<T> {
  value: T;
  ms: number;
}

export type Query = Record<string, string | number | boolean | undefined>;

export function pathOf(path: string, query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "" && value !== false) given.set(name, String(value));
  }
  return given.size > 0 ? `${path}?${given}` : path;
}

async function problemOf(response: Response): Promise<Problem> {
  const body = await response.json().catch(() => ({}));
  const detail = body.detail ?? `The server answered ${response.status}.`;
  return new Problem(response.status, body.title ?? "The request failed.", detail, body.errors);
}

const entriesMax = 5000;
performance.setResourceTimingBufferSize(2 * entriesMax);

/** From the request's first byte to the answer's last, without what waited for this page. */
function wireMs(path: string, start: number): number {
  const now = performance.now();
  const entry = performance.getEntriesByName(new URL(path, location.href).href).at(-1);
  if (performance.getEntriesByType("resource").length > entriesMax) {
    performance.clearResourceTimings();
  }
  const wire = entry instanceof PerformanceResourceTiming && entry.startTime >= start;
  return wire && entry.requestStart > 0 ? entry.responseEnd - entry.requestStart : now - start;
}

export async function ask<T>(path: string, options: RequestInit = {}): Promise<Timed<T>> {
  const start = performance.now();
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, "The server does not answer.", "It is asked again every two seconds.");
  }
  if (!response.ok) throw await problemOf(response);
  const value = (await response.json()) as T;
  return { value, ms: wireMs(path, start) };
}
