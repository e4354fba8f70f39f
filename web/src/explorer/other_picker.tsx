// Chooses the list beside the first one.
import { useState } from "react";
import { findUsers } from "../api/calls";
import type { Contract } from "../api/contract";
import { count } from "../format";
import { SearchBox } from "../parts/search_box";
import type { Other, OtherKind, View } from "./view";

interface OtherPickerProps {
  view: View;
  contract: Contract;
  onView: (changes: Partial<View>) => void;
}

const words: Record<OtherKind, string> = {
  anybody: "what anybody gets",
  user: "another user",
  filter: "another filter",
  pipeline: "another pipeline",
};

function kindsFor(view: View, contract: Contract): OtherKind[] {
  const kinds: OtherKind[] = ["user", "filter"];
  if (view.lens.user !== undefined) kinds.unshift("anybody");
  if (contract.pipelines) kinds.unshift("pipeline");
  return kinds;
}

function FilterChoice({ value, onPick }: { value: string; onPick: (value: string) => void }) {
  const [text, setText] = useState(value);
  return (
    <form
      className="filter"
      onSubmit={(event) => {
        event.preventDefault();
        onPick(text.trim());
      }}
    >
      <label htmlFor="other-filter">Only items where</label>
      <input
        id="other-filter"
        value={text}
        placeholder='category = "drama"'
        onChange={(event) => setText(event.target.value)}
      />
    </form>
  );
}

function Value({ view, contract, onPick }: OtherPickerProps & { onPick: (value: string) => void }) {
  const other = view.other;
  if (!other || other.kind === "anybody") return null;
  if (other.kind === "filter") return <FilterChoice value={other.value} onPick={onPick} />;
  if (other.kind === "user") {
    const search = async (prefix: string, signal: AbortSignal) =>
      (await findUsers(prefix, signal)).value.users.map((one) => ({
        id: one.user,
        label: one.user,
        note: count(one.history_length, "event"),
      }));
    return (
      <SearchBox
        label="Which user"
        placeholder={other.value || "The beginning of an id"}
        search={search}
        onPick={onPick}
        takesText
      />
    );
  }
  return (
    <select
      aria-label="Which pipeline"
      value={other.value}
      onChange={(event) => onPick(event.target.value)}
    >
      {contract.pipelines?.pipelines.map(({ name }) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

export function OtherPicker({ view, contract, onView }: OtherPickerProps) {
  const show = (other: Other) => onView({ other });
  const kind = view.other?.kind ?? "anybody";
  const first = (chosen: OtherKind) =>
    chosen === "pipeline" ? (contract.pipelines?.pipelines[0]?.name ?? "") : "";
  const choose = (chosen: OtherKind) => show({ kind: chosen, value: first(chosen) });
  return (
    <div className="picker">
      <label>
        Beside it
        <select value={kind} onChange={(event) => choose(event.target.value as OtherKind)}>
          {kindsFor(view, contract).map((one) => (
            <option key={one} value={one}>
              {words[one]}
            </option>
          ))}
        </select>
      </label>
      <Value
        view={view}
        contract={contract}
        onView={onView}
        onPick={(value) => show({ kind, value })}
      />
    </div>
  );
}
