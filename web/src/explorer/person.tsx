import type { FoundUser, UserState } from "../api/answers";
import { findUsers } from "../api/calls";
import { useAnswer, type Answer } from "../api/use_answer";
import { count } from "../format";
import { Icon } from "../parts/icon";
import { ProblemNotice } from "../parts/notice";
import { SearchBox, type Suggestion } from "../parts/search_box";
import { go, newGuest, userHref } from "../route";

async function suggest(prefix: string, signal: AbortSignal): Promise<Suggestion[]> {
  const { value } = await findUsers(prefix, signal);
  return value.users.map(({ user, history_length }) => ({
    id: user,
    label: user,
    note: count(history_length, "event"),
  }));
}

function Facts({ state }: { state: UserState }) {
  const { profile } = state;
  const facts = [profile?.language, profile?.region, profile?.age_band].filter(Boolean);
  return (
    <>
      <p className="numbers">
        <span>
          <b>{state.history_length.toLocaleString("en")}</b> in the history
        </span>
        <span>
          <b>{state.consumed.toLocaleString("en")}</b> consumed
        </span>
      </p>
      {facts.length > 0 && (
        <p className="chips">
          {facts.map((fact) => (
            <span key={fact} className="chip">
              {fact}
            </span>
          ))}
        </p>
      )}
    </>
  );
}

interface PersonProps {
  user: string | undefined;
  answer: Answer<UserState>;
}

function Who({ user, answer }: PersonProps) {
  if (user === undefined) {
    return (
      <p className="soft">
        This is the list for somebody whom nobody knows. Find a user to see theirs, or be somebody
        new and watch a list become yours.
      </p>
    );
  }
  const unknown = answer.problem?.status === 404;
  return (
    <>
      {answer.value && !unknown && <Facts state={answer.value} />}
      {unknown && (
        <p className="soft">
          Nobody knows this user yet. Like, rate or click something: the next list will be theirs.
        </p>
      )}
      {answer.problem && !unknown && answer.problem.status !== 0 && (
        <ProblemNotice problem={answer.problem} />
      )}
    </>
  );
}

/** Somebody to begin with. */
function Lately() {
  const answer = useAnswer<{ users: FoundUser[] }>("lately", "", (signal) => findUsers("", signal));
  const users = answer.value?.users.slice(0, 6) ?? [];
  if (users.length === 0) return null;
  return (
    <div className="lately">
      <h2>Here lately</h2>
      <p className="chips">
        {users.map(({ user }) => (
          <a key={user} className="chip" href={userHref(user)}>
            {user}
          </a>
        ))}
      </p>
    </div>
  );
}

export function Person({ user, answer }: PersonProps) {
  return (
    <section className="person">
      <div className="name">
        <span className="portrait" aria-hidden="true">
          <Icon name="person" />
        </span>
        <h1>{user ?? "Anybody"}</h1>
      </div>
      <Who user={user} answer={answer} />
      <SearchBox
        label="Find a user"
        placeholder="The beginning of an id"
        search={suggest}
        onPick={(id) => go(userHref(id))}
        takesText
      />
      {user === undefined && <Lately />}
      <button className="wide" onClick={() => go(userHref(newGuest()))}>
        <Icon name="add" /> Be somebody new
      </button>
    </section>
  );
}
