// Whether the server answers and with which release, asked again and again.
import { useEffect, useState } from "react";
import type { Ready } from "./answers";
import { getReady } from "./calls";
import type { Problem } from "./http";
import { asProblem } from "./use_answer";

export interface ServerState {
  ready: Ready | null;
  problem: Problem | null;
  /** Changes when what was asked before may now be answered otherwise. */
  beat: number;
}

const calmMs = 5000;
const anxiousMs = 2000;

function signOf({ ready, problem }: ServerState): string {
  if (ready) return `release ${ready.release}`;
  return problem ? `problem ${problem.status}` : "unknown";
}

const unknown: ServerState = { ready: null, problem: null, beat: 0 };

function next(before: ServerState, ready: Ready | null, problem: Problem | null): ServerState {
  const after = { ready, problem, beat: before.beat };
  // What was asked before the first look was answered as it would be now.
  const same = before === unknown || signOf(before) === signOf(after);
  return same ? after : { ...after, beat: before.beat + 1 };
}

export function useServer(): ServerState {
  const [state, setState] = useState(unknown);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const note = (ready: Ready | null, problem: Problem | null) => {
      if (stop.signal.aborted) return;
      setState((before) => next(before, ready, problem));
      timer = window.setTimeout(look, problem ? anxiousMs : calmMs);
    };
    const look = () =>
      void getReady(stop.signal).then(
        ({ value }) => note(value, null),
        (error: unknown) => note(null, asProblem(error)),
      );
    look();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, []);
  return state;
}
