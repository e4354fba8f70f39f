import type { RecommendedItem, Slate } from "../api/answers";
import { useItem } from "../api/items";
import type { Answer } from "../api/use_answer";
import { milliseconds, score } from "../format";
import { Cover } from "../parts/cover";
import { EmptyNotice, ProblemNotice, Waiting } from "../parts/notice";
import { itemHref } from "../route";

function Neighbour({ item, user }: { item: RecommendedItem; user: string | undefined }) {
  const categories = useItem(item.item)?.item.categories;
  return (
    <article className="card small" aria-label={item.title}>
      <Cover id={item.item} category={categories && (categories[0] ?? "")} />
      <div className="body">
        <h3>
          <a href={itemHref(item.item, user)}>{item.title}</a>
        </h3>
        <p className="categories">
          {item.source} {score(item.score)}
        </p>
      </div>
    </article>
  );
}

interface NeighboursProps {
  answer: Answer<Slate>;
  user: string | undefined;
}

export function Neighbours({ answer, user }: NeighboursProps) {
  const { value, problem, ms } = answer;
  return (
    <section aria-labelledby="neighbours">
      <h2 id="neighbours">Neighbours {value && <small>{milliseconds(ms)}</small>}</h2>
      {problem && problem.status !== 0 && <ProblemNotice problem={problem} />}
      {answer.loading && !value && <Waiting places={6} what="cards" />}
      {value?.items.length === 0 && (
        <EmptyNotice title="None">No model puts anything near it.</EmptyNotice>
      )}
      <ol className="cards">
        {value?.items.map((one) => (
          <li key={one.item}>
            <Neighbour item={one} user={user} />
          </li>
        ))}
      </ol>
    </section>
  );
}
