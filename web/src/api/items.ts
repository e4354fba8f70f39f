// Records of items, asked for once each: they seldom change while somebody looks.
import { useEffect, useState } from "react";
import type { ItemRecord, ItemState } from "./answers";
import { getItem } from "./calls";

const keptMax = 2000;
const kept = new Map<string, Promise<ItemState>>();

function load(id: string): Promise<ItemState> {
  const there = kept.get(id);
  if (there) return there;
  if (kept.size >= keptMax) kept.clear();
  const asked = getItem(id).then((answer) => answer.value);
  kept.set(id, asked);
  asked.catch(() => kept.delete(id));
  return asked;
}

/** null until it is there, and for an item without a record. */
export function useItem(id: string): ItemState | null {
  const [found, setFound] = useState<ItemState | null>(null);
  useEffect(() => {
    let current = true;
    load(id).then(
      (state) => current && setFound(state),
      () => current && setFound(null),
    );
    return () => void (current = false);
  }, [id]);
  return found?.item.id === id ? found : null;
}

/** As the server chooses: the language, the unnamed one, English, any, the id. */
export function textIn(texts: Record<string, string> | undefined, language: string) {
  if (!texts) return undefined;
  return texts[language] ?? texts[""] ?? texts["en"] ?? Object.values(texts)[0];
}

export function titleOf(item: ItemRecord, language: string): string {
  return textIn(item.titles, language) ?? item.id;
}
