// An item's way through the pipeline: which stages proposed it, and where each that orders put it.
import type { StagePlace } from "../api/answers";

interface StageTrailProps {
  proposedBy: string[] | undefined;
  places: StagePlace[] | undefined;
}

/** "12 → 3": where it stood before the stage, and after. */
function words(places: StagePlace[], at: number): string {
  const before = places[at - 1]?.place;
  const after = places[at]?.place;
  if (after === undefined) return before === undefined ? "not in the head" : `${before} → out`;
  return before === undefined || before === after ? `${after}` : `${before} → ${after}`;
}

export function StageTrail({ proposedBy = [], places = [] }: StageTrailProps) {
  if (proposedBy.length + places.length === 0) return null;
  return (
    <ol className="trail" aria-label="Its way through the pipeline">
      {proposedBy.map((stage, at) => (
        <li key={`by ${at}`} className="source">
          {stage}
        </li>
      ))}
      {places.map(({ stage }, at) => (
        <li key={`at ${at}`}>
          {stage} <b>{words(places, at)}</b>
        </li>
      ))}
    </ol>
  );
}
