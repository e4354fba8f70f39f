import { useEffect } from "react";
import { useContract } from "./api/contract";
import { useServer } from "./api/use_server";
import { Explorer } from "./explorer/explorer";
import { ItemPage } from "./item/item_page";
import { Masthead } from "./masthead";
import { ProblemNotice } from "./parts/notice";
import { useRoute, type Route } from "./route";
import type { World } from "./world";

function titleOf(route: Route): string {
  if (route.page === "home") return "Palate";
  return `${route.id} · Palate`;
}

export function App() {
  const route = useRoute();
  const server = useServer();
  const contract = useContract(server.beat);
  const world: World = { beat: server.beat, away: server.problem !== null, contract };
  const here = `${route.page} ${route.id}`;
  useEffect(() => {
    document.title = titleOf(route);
    window.scrollTo(0, 0);
  }, [here]);
  return (
    <>
      <a className="skip" href="#content" onClick={skipToContent}>
        Skip to the list
      </a>
      <Masthead server={server} />
      <main id="content" tabIndex={-1}>
        {server.problem && <ProblemNotice problem={server.problem} />}
        {route.page === "item" ? (
          <ItemPage
            key={route.id}
            world={world}
            item={route.id}
            user={route.query.get("user") ?? undefined}
          />
        ) : (
          <Explorer key={route.id} world={world} user={route.id || undefined} query={route.query} />
        )}
      </main>
    </>
  );
}

// The address names the page one is on, so that a jump within it must not go there.
function skipToContent(event: React.MouseEvent) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
