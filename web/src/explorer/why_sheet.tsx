// "Why this one?" and "why not that one?": the same question, with an item or with one to be found.
import { useState } from "react";
import { findItems, type Lens } from "../api/calls";
import { titleOf, useItem } from "../api/items";
import { Cover } from "../parts/cover";
import { SearchBox, type Suggestion } from "../parts/search_box";
import { Sheet } from "../parts/sheet";
import { itemHref } from "../route";
import { browserLanguage } from "../world";
import { lensName } from "./view";
import { WhyFacts } from "./why_facts";

interface WhySheetProps {
  item: string | null;
  lens: Lens;
  language: string | undefined;
  onLens: (lens: Lens) => void;
  onClose: () => void;
}

function Subject({ item, lens, language }: { item: string; lens: Lens; language: string }) {
  const state = useItem(item);
  const categories = state?.item.categories;
  return (
    <div className="subject">
      <Cover id={item} category={categories && (categories[0] ?? "")} />
      <div>
        <h3>
          <a href={itemHref(item, lens.user)}>{state ? titleOf(state.item, language) : item}</a>
        </h3>
        <p className="categories">{categories?.join(", ")}</p>
      </div>
    </div>
  );
}

export function WhySheet(props: WhySheetProps) {
  const { lens, language = browserLanguage, onLens, onClose } = props;
  const [item, setItem] = useState(props.item);
  const search = async (text: string, signal: AbortSignal): Promise<Suggestion[]> => {
    if (text === "") return [];
    const { value } = await findItems(text, language, signal);
    return value.items.map((one) => ({
      id: one.item,
      label: one.title,
      note: one.available ? one.item : "not available",
    }));
  };
  const show = (changed: Lens) => {
    onClose();
    onLens(changed);
  };
  return (
    <Sheet title={props.item === null ? "Why not …?" : "Why?"} onClose={onClose}>
      <p className="soft">In the list for {lensName(lens)}.</p>
      {props.item === null && (
        <SearchBox
          label="Which one do you miss?"
          placeholder="Words of a title, or an id"
          search={search}
          onPick={setItem}
        />
      )}
      {item !== null && (
        <>
          <Subject item={item} lens={lens} language={language} />
          <WhyFacts item={item} lens={lens} version="" onLens={show} />
        </>
      )}
    </Sheet>
  );
}
