import { useEffect, useState } from "react";
import { Problem, type Timed } from "./http";

export interface Answer<T> {
  /** The newest good answer; while another is under way, the one before of the same subject. */
  value: T | null;
  ms: number;
  problem: Problem | null;
  loading: boolean;
}

interface Kept<T> extends Answer<T> {
  subject: string;
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "This page failed.", String(error));
}

/**
 * Asks when `subject` or `version` changes; null asks nothing. Of another subject nothing old is
 * shown, of another version the old answer stays until the new one is there.
 */
export function useAnswer<T>(
  subject: string | null,
  version: string,
  load: (signal: AbortSignal) => Promise<Timed<T>>,
): Answer<T> {
  const fresh: Kept<T> = {
    subject: subject ?? "",
    value: null,
    ms: 0,
    problem: null,
    loading: subject !== null,
  };
  const [kept, setKept] = useState(fresh);
  useEffect(() => {
    if (subject === null) return;
    const stop = new AbortController();
    setKept((old) => (old.subject === subject ? { ...old, loading: true } : fresh));
    load(stop.signal).then(
      ({ value, ms }) =>
        stop.signal.aborted || setKept({ subject, value, ms, problem: null, loading: false }),
      (error: unknown) =>
        stop.signal.aborted ||
        setKept((old) => ({ ...old, problem: asProblem(error), loading: false })),
    );
    return () => stop.abort();
    // `load` is the same function of subject and version, made anew on every rendering.
  }, [subject, version]);
  return kept.subject === fresh.subject ? kept : fresh;
}
