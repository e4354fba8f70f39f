import { useEffect, useRef, useState } from "react";
import type { RecommendedItem, Slate } from "../api/answers";
import { getSlate, type Lens } from "../api/calls";
import type { Problem } from "../api/http";
import { asProblem, useAnswer, type Answer } from "../api/use_answer";
import type { World } from "../world";
import { movesBetween, noMoves, type Moves } from "./moves";

export interface SlateState extends Answer<Slate> {
  items: RecommendedItem[];
  /** Against the list that was shown before the last thing that the user did. */
  moves: Moves;
  /** Asks for the next page; null: there is none. */
  more: (() => void) | null;
  moreProblem: Problem | null;
}

export const slateItems = 12;

interface Pages {
  request: string;
  items: RecommendedItem[];
  cursor: string | undefined;
  problem: Problem | null;
}

/** The pages behind the first one; forgotten when that is another. */
function useMore(first: Slate | null, lens: Lens) {
  const [pages, setPages] = useState<Pages | null>(null);
  const own = pages && pages.request === first?.request_id ? pages : null;
  const cursor = own ? own.cursor : first?.cursor;
  const known = own?.items ?? [];
  const more = () => {
    if (!first) return;
    const request = first.request_id;
    getSlate({ lens, n: slateItems, cursor, trace: false }).then(
      ({ value }) =>
        setPages({
          request,
          items: [...known, ...value.items],
          cursor: value.cursor,
          problem: null,
        }),
      (error: unknown) => setPages({ request, items: known, cursor, problem: asProblem(error) }),
    );
  };
  return { items: known, more: cursor ? more : null, problem: own?.problem ?? null };
}

/** Between the last two answers to the same question. */
function useMoves(subject: string, slate: Slate | null): Moves {
  const [moves, setMoves] = useState(noMoves);
  const last = useRef<{ subject: string; items: string[] } | null>(null);
  useEffect(() => {
    if (!slate) return;
    const items = slate.items.map((one) => one.item);
    const before = last.current;
    setMoves(before?.subject === subject ? movesBetween(before.items, items) : noMoves);
    last.current = { subject, items };
  }, [subject, slate]);
  return moves;
}

function isAway(problem: Problem | null): boolean {
  return problem !== null && (problem.status === 0 || problem.status === 503);
}

/** `after`: the position of the last event that the answer must have seen. */
export function useSlate(world: World, lens: Lens | null, after: string | undefined): SlateState {
  const { known, trace } = world.contract;
  const subject = known && lens ? JSON.stringify(lens) : null;
  const answer = useAnswer<Slate>(subject, `${world.beat} ${after}`, (signal) =>
    getSlate({ lens: lens ?? {}, n: slateItems, after, trace }, signal),
  );
  const { items, more, problem } = useMore(answer.value, lens ?? {});
  const moves = useMoves(subject ?? "", answer.value);
  // Where the server is away the page says so above, and what was shown stays.
  const away = world.away && isAway(answer.problem);
  const waits = lens !== null && (!known || (away && !answer.value));
  return {
    ...answer,
    problem: away ? null : answer.problem,
    loading: answer.loading || waits,
    items: [...(answer.value?.items ?? []), ...items],
    moves,
    more,
    moreProblem: problem,
  };
}
