import type { ReactNode } from "react";
import type { RecommendedItem, Slate } from "../api/answers";
import type { Lens } from "../api/calls";
import { milliseconds } from "../format";
import { EmptyNotice, ProblemNotice, Waiting } from "../parts/notice";
import { StageTable } from "./stage_table";
import { slateItems, type SlateState } from "./use_slate";
import { lensName } from "./view";

interface AboutProps {
  slate: Slate;
  ms: number;
  known: boolean;
}

function About({ slate, ms, known }: AboutProps) {
  return (
    <p className="about">
      <span className={slate.personalized ? "chip strong" : "chip"}>
        {slate.personalized ? "personal" : "not personal"}
      </span>
      <span className="chip">
        {slate.model.kind} {slate.model.version}
      </span>
      {slate.pipeline && <span className="chip">pipeline {slate.pipeline}</span>}
      {slate.level && slate.level !== "full" && <span className="chip">{slate.level} only</span>}
      <span className="chip">{milliseconds(ms)}</span>
      {!slate.fresh && <span className="chip">not the newest state</span>}
      {known && slate.why && <span className="soft">{sentence(slate.why)}</span>}
    </p>
  );
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return capital.endsWith(".") ? capital : `${capital}.`;
}

function Shared({ items, beside }: { items: RecommendedItem[]; beside: RecommendedItem[] }) {
  const there = new Set(beside.map((one) => one.item));
  const both = items.filter((one) => there.has(one.item)).length;
  return (
    <p className="shared">
      <b>{both}</b> of {items.length} are in both lists
    </p>
  );
}

interface SlateSectionProps {
  lens: Lens;
  slate: SlateState;
  beside: SlateState | null;
  children: ReactNode;
}

export function SlateSection({ lens, slate, beside, children }: SlateSectionProps) {
  const { value, problem, loading, items } = slate;
  const name = lensName(lens);
  return (
    <section className="slate" aria-label={`The list for ${name}`} aria-busy={loading}>
      <h2>
        <small>The list for</small> {name}
      </h2>
      {value && !problem && <About slate={value} ms={slate.ms} known={lens.user !== undefined} />}
      {value && beside?.value && <Shared items={items} beside={beside.items} />}
      {value?.trace && <StageTable trace={value.trace} />}
      {problem && problem.status !== 0 && <ProblemNotice problem={problem} />}
      {loading && !value && <Waiting places={slateItems} what="cards" />}
      {value && !problem && items.length === 0 && (
        <EmptyNotice title="Nothing is left">
          Everything was had, excluded, or not what the filter asks for.
        </EmptyNotice>
      )}
      {!problem && children}
      {slate.moreProblem && <ProblemNotice problem={slate.moreProblem} />}
      {slate.more && !problem && (
        <button className="quiet more" onClick={slate.more}>
          Show more
        </button>
      )}
    </section>
  );
}
