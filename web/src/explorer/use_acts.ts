// What is done on this page, told to the server, and how long that took.
import { useState } from "react";
import { postEvent } from "../api/calls";
import type { Problem } from "../api/http";
import { asProblem } from "../api/use_answer";

export type ActKind = "like" | "hide" | "click" | "rating";

/** Something done to a card of a slate. */
export interface Act {
  kind: ActKind;
  item: string;
  title: string;
  value?: number;
  request?: string;
  slot?: number;
}

export interface Done extends Act {
  storedMs: number;
  position: string;
}

export interface Acts {
  last: Done | null;
  problem: Problem | null;
  /** By item: what was done last. */
  of: ReadonlyMap<string, Act>;
  run: (act: Act) => void;
}

export function useActs(user: string | undefined): Acts {
  const [last, setLast] = useState<Done | null>(null);
  const [of, setOf] = useState<ReadonlyMap<string, Act>>(new Map());
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = (act: Act) => {
    if (user === undefined) return;
    const { kind: type, item, value, request: request_id, slot } = act;
    postEvent({ type, user, item, value, request_id, slot }).then(
      ({ value: receipt, ms }) => {
        setProblem(null);
        setOf((before) => new Map(before).set(item, act));
        setLast({ ...act, storedMs: ms, position: receipt.position });
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  return { last, problem, of, run };
}
