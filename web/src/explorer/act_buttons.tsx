import { Icon } from "../parts/icon";
import type { Act, ActKind, Acts } from "./use_acts";

interface ActButtonsProps {
  item: string;
  title: string;
  request?: string | undefined;
  slot?: number;
  eventTypes: string[];
  acts: Acts;
}

const buttons = [
  { kind: "like", word: "Like" },
  { kind: "click", word: "Click" },
  { kind: "hide", word: "Hide" },
] as const;
const stars = [1, 2, 3, 4, 5];

/** Only what this server's configuration declares can be done. */
export function ActButtons(props: ActButtonsProps) {
  const { item, title, request, slot, eventTypes, acts } = props;
  const done = acts.of.get(item);
  const run = (kind: ActKind, value?: number) => {
    const act: Act = { kind, item, title };
    if (value !== undefined) act.value = value;
    if (request !== undefined) act.request = request;
    if (slot !== undefined) act.slot = slot;
    acts.run(act);
  };
  const rated = done?.kind === "rating" ? (done.value ?? 0) : 0;
  return (
    <div className="acts">
      {buttons
        .filter(({ kind }) => eventTypes.includes(kind))
        .map(({ kind, word }) => (
          <button
            key={kind}
            className="act"
            data-done={done?.kind === kind}
            onClick={() => run(kind)}
            aria-label={`${word} ${title}`}
            title={word}
          >
            <Icon name={kind} />
          </button>
        ))}
      {eventTypes.includes("rating") && (
        <span className="stars" role="group" aria-label={`Rate ${title}`}>
          {stars.map((value) => (
            <button
              key={value}
              data-done={value <= rated}
              onClick={() => run("rating", value)}
              aria-label={`${value} of 5`}
              title={`${value} of 5`}
            >
              <Icon name="rate" />
            </button>
          ))}
        </span>
      )}
    </div>
  );
}
