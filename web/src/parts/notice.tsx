import type { ReactNode } from "react";
import type { Problem } from "../api/http";

export function ProblemNotice({ problem }: { problem: Problem }) {
  return (
    <div className="notice problem" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.detail}</p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map((error) => (
            <li key={`${error.index} ${error.field} ${error.reason}`}>{error.message}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function EmptyNotice({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="notice empty">
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  );
}

/** Grey places for what is on its way. */
export function Waiting({ places, what }: { places: number; what: string }) {
  return (
    <div className={`waiting ${what}`} role="status" aria-label="Loading">
      {Array.from({ length: places }, (_, place) => (
        <span key={place} />
      ))}
    </div>
  );
}
