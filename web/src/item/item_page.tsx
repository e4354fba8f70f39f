import { getSimilar } from "../api/calls";
import type { Slate } from "../api/answers";
import { textIn, titleOf, useItem } from "../api/items";
import { useAnswer } from "../api/use_answer";
import { ActButtons } from "../explorer/act_buttons";
import { Pulse } from "../explorer/pulse";
import { useActs } from "../explorer/use_acts";
import { useSlate } from "../explorer/use_slate";
import { useUser } from "../explorer/use_user";
import { WhyFacts } from "../explorer/why_facts";
import { Cover } from "../parts/cover";
import { Icon } from "../parts/icon";
import { ProblemNotice } from "../parts/notice";
import { homeHref, userHref } from "../route";
import { browserLanguage, type World } from "../world";
import { ItemFacts } from "./item_facts";
import { Neighbours } from "./neighbours";

interface ItemPageProps {
  world: World;
  item: string;
  user: string | undefined;
}

function useNeighbours(item: string, language: string, beat: string) {
  return useAnswer<Slate>(`${item} ${language}`, beat, (signal) =>
    getSimilar(item, language, signal),
  );
}

export function ItemPage({ world, item, user }: ItemPageProps) {
  const acts = useActs(user);
  const after = acts.last?.position;
  const person = useUser(user, "");
  const language = person.value?.profile?.language ?? browserLanguage;
  const state = useItem(item);
  const neighbours = useNeighbours(item, language, String(world.beat));
  const slate = useSlate(world, user === undefined ? null : { user }, after);
  const title = state ? titleOf(state.item, language) : item;
  const categories = state?.item.categories;
  return (
    <div className="item-page">
      <a className="back" href={user === undefined ? homeHref : userHref(user)}>
        <Icon name="back" /> {user === undefined ? "The list" : `The list for ${user}`}
      </a>
      <header>
        <Cover id={item} category={categories && (categories[0] ?? "")} />
        <div>
          <h1>{title}</h1>
          <p className="soft">{textIn(state?.item.descriptions, language)}</p>
          {user !== undefined && (
            <ActButtons
              item={item}
              title={title}
              eventTypes={world.contract.eventTypes}
              acts={acts}
            />
          )}
        </div>
      </header>
      {acts.problem && <ProblemNotice problem={acts.problem} />}
      <Pulse done={acts.last} slate={slate} />
      <div className="halves">
        {state && <ItemFacts state={state} />}
        <section aria-labelledby="why">
          <h2 id="why">Does {user ?? "anybody"} get it?</h2>
          <WhyFacts item={item} lens={{ user }} version={`${world.beat} ${after}`} />
        </section>
      </div>
      <Neighbours answer={neighbours} user={user} />
    </div>
  );
}
