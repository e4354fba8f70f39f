import type { ReactNode } from "react";
import type { Drop, Explanation, Reason, Taste } from "../api/answers";
import { getExplanation, type Lens } from "../api/calls";
import { useAnswer } from "../api/use_answer";
import { score } from "../format";
import { ProblemNotice, Waiting } from "../parts/notice";
import { itemHref } from "../route";
import { StageTable } from "./stage_table";
import { StageTrail } from "./stage_trail";

/** How the same question is asked without the rule that drops the item; null: it cannot be. */
function without(drop: Drop, lens: Lens): Lens | null {
  if (drop.by === "consumed") return { ...lens, includeConsumed: true };
  if (drop.by === "filter") return { ...lens, filter: undefined };
  return null;
}

interface DropsProps {
  drops: Drop[];
  lens: Lens;
  onLens: ((lens: Lens) => void) | undefined;
}

function Drops({ drops, lens, onLens }: DropsProps) {
  return (
    <ul className="drops">
      {drops.map((drop) => {
        const kept = without(drop, lens);
        return (
          <li key={drop.by}>
            <b>{drop.by}</b> {drop.why}
            <small>What would keep it: {drop.keep}</small>
            {kept && onLens && <button onClick={() => onLens(kept)}>Show the list so</button>}
          </li>
        );
      })}
    </ul>
  );
}

interface Share {
  key: string;
  label: ReactNode;
  part: number | null;
}

/** What adds up to a score, each beside the largest. */
function Shares({ title, shares }: { title: string; shares: Share[] }) {
  const largest = Math.max(...shares.map((one) => Math.abs(one.part ?? 0)), 1e-9);
  return (
    <>
      <h3>{title}</h3>
      <ul className="reasons">
        {shares.map(({ key, label, part }) => (
          <li key={key}>
            {label}
            <span className="bar" data-against={(part ?? 0) < 0} aria-hidden="true">
              <i style={{ width: `${(Math.abs(part ?? 0) / largest) * 100}%` }} />
            </span>
            <b>{score(part)}</b>
          </li>
        ))}
      </ul>
    </>
  );
}

function Reasons({ reasons, user }: { reasons: Reason[]; user: string | undefined }) {
  const shares = reasons.map(({ item, title, score: part }) => ({
    key: item,
    label: <a href={itemHref(item, user)}>{title}</a>,
    part,
  }));
  return <Shares title="What speaks for it in the history" shares={shares} />;
}

function Words({ taste }: { taste: Taste }) {
  const shares: Share[] = taste.words.map(({ of, word, score: part }) => ({
    key: `${of} ${word}`,
    label: word,
    part,
  }));
  shares.push({ key: "", label: "the item itself", part: taste.rest });
  shares.push({ key: " ", label: "whatever the item", part: taste.common });
  return <Shares title="What the taste makes of it, in words" shares={shares} />;
}

function Verdict({ found }: { found: Explanation }) {
  const place = `place ${found.place.toLocaleString("en")} of ${found.of.toLocaleString("en")}`;
  return (
    <p className="verdict" data-mood={found.recommended ? "good" : "bad"}>
      {found.recommended ? (
        <>
          It comes, at <b>{place}</b>.
        </>
      ) : (
        <>
          It does not come. Otherwise it would be at <b>{place}</b>.
        </>
      )}
    </p>
  );
}

interface WhyFactsProps {
  item: string;
  lens: Lens;
  version: string;
  onLens?: ((lens: Lens) => void) | undefined;
}

export function WhyFacts({ item, lens, version, onLens }: WhyFactsProps) {
  const subject = JSON.stringify({ item, lens });
  const answer = useAnswer<Explanation>(subject, version, (signal) =>
    getExplanation(item, lens, signal),
  );
  const found = answer.value;
  if (answer.problem) return <ProblemNotice problem={answer.problem} />;
  if (!found) return <Waiting places={4} what="lines" />;
  return (
    <div className="why-facts">
      <Verdict found={found} />
      {found.dropped.length > 0 && <Drops drops={found.dropped} lens={lens} onLens={onLens} />}
      {found.why && <p className="soft">The list is not personal: {found.why}.</p>}
      <StageTrail proposedBy={found.proposed_by} places={found.places} />
      {found.trace && <StageTable trace={found.trace} />}
      {found.reasons.length > 0 && <Reasons reasons={found.reasons} user={lens.user} />}
      {found.taste && found.taste.words.length > 0 && <Words taste={found.taste} />}
      <dl className="facts">
        <dt>Score</dt>
        <dd>{score(found.score)}</dd>
        <dt>Proposed by</dt>
        <dd>
          {found.source} {found.version}
        </dd>
        <dt>Release</dt>
        <dd>{found.release}</dd>
      </dl>
    </div>
  );
}
