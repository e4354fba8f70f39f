import type { ItemState } from "../api/answers";
import { day } from "../format";

function factsOf({ item, described, available }: ItemState): [string, string | undefined][] {
  return [
    ["Id", item.id],
    ["Categories", item.categories?.join(", ")],
    ["Tags", item.tags?.join(", ")],
    ["By", item.creator],
    ["Languages", item.languages?.join(", ")],
    ["Regions", item.regions?.join(", ")],
    ["Released", item.released && day(item.released)],
    ["Expires", item.expires && day(item.expires)],
    ["Available", available ? "yes" : "no"],
    ["Record", described ? undefined : "none: known only from events"],
    ...Object.entries(item.attributes ?? {}),
  ];
}

export function ItemFacts({ state }: { state: ItemState }) {
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">What is known of it</h2>
      <dl className="facts">
        {factsOf(state)
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
