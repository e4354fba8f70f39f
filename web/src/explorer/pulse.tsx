// The last thing done and what came of it, with the milliseconds; said to screen readers, too.
import { count, milliseconds } from "../format";
import type { Done } from "./use_acts";
import type { SlateState } from "./use_slate";

const said: Record<Done["kind"], string> = {
  like: "Liked",
  hide: "Hidden",
  click: "Clicked",
  rating: "Rated",
};

function changes({ moves }: SlateState): string {
  const { fresh, moved, gone } = moves;
  if (fresh + moved + gone === 0) return "The list stays as it was.";
  const parts = [`${fresh} new`, count(moved, "place changed", "places changed")];
  return `${parts.join(", ")}.`;
}

export function Pulse({ done, slate }: { done: Done | null; slate: SlateState }) {
  const there = done !== null && !slate.loading && slate.problem === null;
  return (
    <p className="pulse" role="status" data-on={done !== null}>
      {done && (
        <>
          <span>
            {said[done.kind]} <b>{done.title}</b>
            {done.value === undefined ? "" : ` with ${done.value}`}
          </span>
          <span className="took">
            <b>{milliseconds(done.storedMs)}</b> until it was durable
          </span>
          {there && (
            <>
              <span className="took">
                <b>{milliseconds(slate.ms)}</b> for the next list
              </span>
              <span>{changes(slate)}</span>
            </>
          )}
        </>
      )}
    </p>
  );
}
