// A field that suggests while one types (the combobox of the ARIA Authoring Practices): arrows
// choose, Enter takes, Escape closes.
import { useEffect, useId, useState } from "react";
import { asProblem } from "../api/use_answer";
import { Icon } from "./icon";

export interface Suggestion {
  id: string;
  label: string;
  note: string;
}

interface SearchBoxProps {
  label: string;
  placeholder: string;
  search: (text: string, signal: AbortSignal) => Promise<Suggestion[]>;
  onPick: (id: string) => void;
  /** Enter without a choice takes what was typed. */
  takesText?: boolean;
}

const pauseMs = 120;

interface Found {
  suggestions: Suggestion[];
  words: string;
}

const nobodyAsked: Found = { suggestions: [], words: "" };

function useSuggestions(text: string, open: boolean, search: SearchBoxProps["search"]): Found {
  const [found, setFound] = useState(nobodyAsked);
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    const timer = window.setTimeout(() => {
      search(text.trim(), stop.signal).then(
        (suggestions) => setFound({ suggestions, words: suggestions.length ? "" : "None found." }),
        (error: unknown) =>
          stop.signal.aborted || setFound({ suggestions: [], words: asProblem(error).detail }),
      );
    }, pauseMs);
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
    // `search` is the same function, made anew on every rendering.
  }, [text, open]);
  return found;
}

/** What is typed, suggested and chosen, and what the keys do to it. */
function useChoice({ search, onPick, takesText }: SearchBoxProps) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const found = useSuggestions(text, open, search);
  const pick = (chosen: string) => {
    setText("");
    setOpen(false);
    setActive(-1);
    onPick(chosen);
  };
  const type = (typed: string) => {
    setText(typed);
    setOpen(true);
    setActive(-1);
  };
  const move = (step: number) => {
    const places = found.suggestions.length + 1;
    setOpen(true);
    setActive(((active + 1 + step + places) % places) - 1);
  };
  const take = () => {
    const typed = takesText ? text.trim() : found.suggestions[0]?.id;
    const chosen = found.suggestions[active]?.id ?? typed;
    if (chosen) pick(chosen);
  };
  const onKey = (event: React.KeyboardEvent) => {
    const keys: Record<string, () => void> = {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      Enter: take,
    };
    if (open) keys["Escape"] = () => setOpen(false);
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  return { ...found, text, open, active, setOpen, pick, type, onKey };
}

export function SearchBox(props: SearchBoxProps) {
  const id = useId();
  const choice = useChoice(props);
  const { label, placeholder } = props;
  const shown = choice.open && choice.suggestions.length > 0;
  const active = shown && choice.active >= 0 ? `${id}-${choice.active}` : undefined;
  return (
    <div className="search">
      <label htmlFor={id}>{label}</label>
      <div className="field">
        <Icon name="search" />
        <input
          id={id}
          role="combobox"
          aria-expanded={shown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={active}
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={choice.text}
          onChange={(event) => choice.type(event.target.value)}
          onFocus={() => choice.setOpen(true)}
          onBlur={() => choice.setOpen(false)}
          onKeyDown={choice.onKey}
        />
      </div>
      <ul id={`${id}-list`} role="listbox" aria-label={label} hidden={!shown}>
        {choice.suggestions.map((one, place) => (
          <li
            key={one.id}
            id={`${id}-${place}`}
            role="option"
            aria-selected={place === choice.active}
            // The field keeps the focus, so that it does not close before the click.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choice.pick(one.id)}
          >
            <span>{one.label}</span>
            <small>{one.note}</small>
          </li>
        ))}
      </ul>
      {choice.open && choice.words && (
        <p className="none" role="status">
          {choice.words}
        </p>
      )}
    </div>
  );
}
