import { useState } from "react";
import type { HistoryEntry, UserState } from "../api/answers";
import { titleOf, useItem } from "../api/items";
import type { Answer } from "../api/use_answer";
import { ago } from "../format";
import { EmptyNotice, Waiting } from "../parts/notice";
import { itemHref } from "../route";
import { browserLanguage } from "../world";

const shownFirst = 12;
// Where the history stands beside the list; on a phone it would stand before it.
const roomForBoth = "(min-width: 960px)";

/** What was done to one item, one thing after the other; newest first. */
function visitsOf(history: HistoryEntry[]): HistoryEntry[][] {
  const visits: HistoryEntry[][] = [];
  for (const entry of history) {
    const last = visits.at(-1);
    if (last?.[0]?.item === entry.item) last.push(entry);
    else visits.push([entry]);
  }
  return visits;
}

function Deed({ entry }: { entry: HistoryEntry }) {
  const mood = entry.preference === 0 ? "even" : entry.preference > 0 ? "good" : "bad";
  return (
    <span className="deed" data-mood={mood}>
      {entry.type}
      {entry.value !== null && ` ${Number(entry.value.toFixed(1))}`}
    </span>
  );
}

interface VisitProps {
  visit: HistoryEntry[];
  user: string;
  language: string;
}

function Visit({ visit, user, language }: VisitProps) {
  const newest = visit[0];
  const state = useItem(newest?.item ?? "");
  if (!newest) return null;
  return (
    <li>
      <a href={itemHref(newest.item, user)}>
        {state ? titleOf(state.item, language) : newest.item}
      </a>
      <span className="deeds">
        {visit.map((entry) => (
          <Deed key={entry.offset} entry={entry} />
        ))}
      </span>
      <time dateTime={newest.ts}>{ago(newest.ts)}</time>
    </li>
  );
}

interface HistoryProps {
  user: string;
  answer: Answer<UserState>;
  language: string | undefined;
}

export function History({ user, answer, language = browserLanguage }: HistoryProps) {
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState(() => window.matchMedia(roomForBoth).matches);
  const visits = visitsOf(answer.problem ? [] : (answer.value?.history ?? []));
  const shown = all ? visits : visits.slice(0, shownFirst);
  const empty = !answer.loading && visits.length === 0 && answer.problem?.status !== 0;
  return (
    <details
      className="history"
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <h2>History</h2>
      </summary>
      {answer.loading && !answer.value && <Waiting places={6} what="lines" />}
      {empty && <EmptyNotice title="Nothing yet">What this user does shows up here.</EmptyNotice>}
      <ol>
        {shown.map((visit) => (
          <Visit key={visit[0]?.offset} visit={visit} user={user} language={language} />
        ))}
      </ol>
      {shown.length < visits.length && (
        <button className="quiet more" onClick={() => setAll(true)}>
          Show {visits.length - shown.length} older
        </button>
      )}
    </details>
  );
}
