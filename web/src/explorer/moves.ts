// What became of the places of a list when it changed.

export type Move = { kind: "new" } | { kind: "up" | "down"; by: number };

export interface Moves {
  of: ReadonlyMap<string, Move>;
  fresh: number;
  moved: number;
  gone: number;
}

export const noMoves: Moves = { of: new Map(), fresh: 0, moved: 0, gone: 0 };

export function movesBetween(before: string[], after: string[]): Moves {
  const places = new Map(before.map((item, place) => [item, place]));
  const of = new Map<string, Move>();
  after.forEach((item, place) => {
    const was = places.get(item);
    if (was === undefined) of.set(item, { kind: "new" });
    else if (was !== place) {
      of.set(item, { kind: was > place ? "up" : "down", by: Math.abs(was - place) });
    }
  });
  const fresh = [...of.values()].filter((move) => move.kind === "new").length;
  const kept = after.length - fresh;
  return { of, fresh, moved: of.size - fresh, gone: before.length - kept };
}
