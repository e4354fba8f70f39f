import type { RecommendedItem } from "../api/answers";
import { useItem } from "../api/items";
import { Cover } from "../parts/cover";
import { Icon } from "../parts/icon";
import { itemHref } from "../route";
import { ActButtons } from "./act_buttons";
import type { Move } from "./moves";
import { StageTrail } from "./stage_trail";
import type { Acts } from "./use_acts";

interface CardProps {
  item: RecommendedItem;
  slot: number;
  user: string | undefined;
  request: string | undefined;
  eventTypes: string[];
  acts: Acts | null;
  move: Move | undefined;
  /** Its place in the list beside this one, -1: it is not there, null: there is no such list. */
  beside: number | null;
  onWhy: () => void;
}

function MoveChip({ move }: { move: Move }) {
  if (move.kind === "new") return <span className="move new">new</span>;
  const arrow = move.kind === "up" ? "▲" : "▼";
  return (
    <span className={`move ${move.kind}`}>
      <span aria-hidden="true">{arrow}</span>
      <span className="unseen">{move.kind} </span>
      {move.by}
    </span>
  );
}

function Because({ item, user }: { item: RecommendedItem; user: string | undefined }) {
  const reasons = item.reasons?.slice(0, 2) ?? [];
  if (reasons.length > 0) {
    return (
      <p className="because">
        Because of{" "}
        {reasons.map((reason, place) => (
          <span key={reason.item}>
            {place > 0 && " and "}
            <a href={itemHref(reason.item, user)}>{reason.title}</a>
          </span>
        ))}
      </p>
    );
  }
  const words: Record<string, string> = {
    popularity: "Popular with everybody",
    catalogue: "No model knows it yet",
  };
  return <p className="because">{words[item.source] ?? `Proposed by ${item.source}`}</p>;
}

function Beside({ place }: { place: number }) {
  if (place < 0) return <span className="beside only">only here</span>;
  return <span className="beside">#{place + 1} there</span>;
}

export function Card(props: CardProps) {
  const { item, slot, user, request, eventTypes, acts, move, beside, onWhy } = props;
  const categories = useItem(item.item)?.item.categories;
  const known = categories && (categories[0] ?? item.source);
  return (
    <article className="card" aria-label={`${slot + 1}. ${item.title}`}>
      <Cover id={item.item} category={known} />
      <span className="rank" aria-hidden="true">
        {slot + 1}
      </span>
      <span className="marks">
        {move && <MoveChip move={move} />}
        {beside !== null && <Beside place={beside} />}
        {item.sponsored && <span className="sponsored">Sponsored</span>}
      </span>
      <div className="body">
        <h3>
          <a href={itemHref(item.item, user)}>{item.title}</a>
        </h3>
        <p className="categories">{categories?.slice(0, 3).join(", ")}</p>
        <Because item={item} user={user} />
        <StageTrail proposedBy={item.proposed_by} places={item.places} />
        {item.propensity !== undefined && (
          <p className="categories">By chance: {(item.propensity * 100).toFixed(0)} %</p>
        )}
      </div>
      <footer>
        {acts && (
          <ActButtons
            item={item.item}
            title={item.title}
            request={request}
            slot={slot}
            eventTypes={eventTypes}
            acts={acts}
          />
        )}
        <button className="why" onClick={onWhy} aria-label={`Why ${item.title}?`}>
          <Icon name="why" /> Why?
        </button>
      </footer>
    </article>
  );
}
