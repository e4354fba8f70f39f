import { useState } from "react";
import type { Contract } from "../api/contract";
import { Icon } from "../parts/icon";
import type { View } from "./view";

interface ToolbarProps {
  view: View;
  contract: Contract;
  onView: (changes: Partial<View>) => void;
  onWhyNot: () => void;
}

function FilterField({ view, onView }: Pick<ToolbarProps, "view" | "onView">) {
  const given = view.lens.filter ?? "";
  const [text, setText] = useState(given);
  const apply = (filter: string) => {
    setText(filter);
    onView({ lens: { ...view.lens, filter: filter.trim() || undefined } });
  };
  return (
    <form
      className="filter"
      onSubmit={(event) => {
        event.preventDefault();
        apply(text);
      }}
    >
      <label htmlFor="filter">Only items where</label>
      <input
        id="filter"
        key={given}
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder='category = "drama"'
        autoComplete="off"
        spellCheck={false}
      />
      {given && (
        <button type="button" className="quiet" onClick={() => apply("")} aria-label="No filter">
          <Icon name="close" />
        </button>
      )}
    </form>
  );
}

function PipelineChoice({ view, contract, onView }: Omit<ToolbarProps, "onWhyNot">) {
  const { pipelines } = contract;
  if (!pipelines) return null;
  return (
    <label className="pipeline">
      Pipeline
      <select
        value={view.lens.pipeline ?? pipelines.default}
        onChange={(event) => onView({ lens: { ...view.lens, pipeline: event.target.value } })}
      >
        {pipelines.pipelines.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

export function Toolbar({ view, contract, onView, onWhyNot }: ToolbarProps) {
  const { lens, other } = view;
  const toggleHad = () => onView({ lens: { ...lens, includeConsumed: !lens.includeConsumed } });
  const toggleBeside = () =>
    onView({ other: other ? null : { kind: lens.user ? "anybody" : "user", value: "" } });
  return (
    <div className="toolbar" role="group" aria-label="The list">
      <PipelineChoice view={view} contract={contract} onView={onView} />
      <FilterField key={lens.filter} view={view} onView={onView} />
      {lens.user !== undefined && (
        <label className="check">
          <input type="checkbox" checked={lens.includeConsumed ?? false} onChange={toggleHad} />
          Include consumed
        </label>
      )}
      <span className="push" />
      <button onClick={onWhyNot}>
        <Icon name="why" /> Why not …?
      </button>
      <button aria-pressed={other !== null} onClick={toggleBeside}>
        <Icon name="sides" /> Side by side
      </button>
    </div>
  );
}
