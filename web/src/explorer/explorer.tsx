import { useState } from "react";
import type { Lens } from "../api/calls";
import { go } from "../route";
import { ProblemNotice } from "../parts/notice";
import type { World } from "../world";
import { History } from "./history";
import { Person } from "./person";
import { Pulse } from "./pulse";
import { SlateList } from "./slate_list";
import { SlateSection } from "./slate_section";
import { Toolbar } from "./toolbar";
import { useActs } from "./use_acts";
import { useSlate } from "./use_slate";
import { useUser } from "./use_user";
import { hrefOf, otherLens, viewOf, type View } from "./view";
import { OtherPicker } from "./other_picker";
import { WhySheet } from "./why_sheet";

interface ExplorerProps {
  world: World;
  user: string | undefined;
  query: URLSearchParams;
}

/** What a sheet explains: an item, or one that is still to be found. */
interface Asked {
  item: string | null;
  lens: Lens;
}

export function Explorer({ world, user, query }: ExplorerProps) {
  const view = viewOf(user, query);
  const acts = useActs(user);
  const after = acts.last?.position;
  const person = useUser(user, `${world.beat} ${after}`);
  const slate = useSlate(world, view.lens, after);
  const otherOne = view.other && otherLens(view.lens, view.other);
  const other = useSlate(world, otherOne, after);
  const [asked, setAsked] = useState<Asked | null>(null);
  const show = (changes: Partial<View>) => go(hrefOf({ ...view, ...changes }));
  const cards = { acts: user === undefined ? null : acts, contract: world.contract, user };
  const why = (lens: Lens) => (item: string | null) => setAsked({ item, lens });
  const language = person.value?.profile?.language;
  return (
    <div className="explorer">
      <aside aria-label="Whose list">
        <Person user={user} answer={person} />
        {user !== undefined && <History user={user} answer={person} language={language} />}
      </aside>
      <div className="lists" data-beside={otherOne !== null}>
        <Toolbar
          view={view}
          contract={world.contract}
          onView={show}
          onWhyNot={() => why(view.lens)(null)}
        />
        {view.other && <OtherPicker view={view} contract={world.contract} onView={show} />}
        {acts.problem && <ProblemNotice problem={acts.problem} />}
        <Pulse done={acts.last} slate={slate} />
        <div className="columns">
          <SlateSection lens={view.lens} slate={slate} beside={otherOne && other}>
            <SlateList {...cards} slate={slate} onWhy={why(view.lens)} beside={otherOne && other} />
          </SlateSection>
          {otherOne && (
            <SlateSection lens={otherOne} slate={other} beside={slate}>
              <SlateList {...cards} slate={other} onWhy={why(otherOne)} beside={slate} />
            </SlateSection>
          )}
        </div>
      </div>
      {asked && (
        <WhySheet
          {...asked}
          language={language}
          onLens={(lens) => show({ lens })}
          onClose={() => setAsked(null)}
        />
      )}
    </div>
  );
}
