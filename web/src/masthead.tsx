import type { ServerState } from "./api/use_server";
import { Icon } from "./parts/icon";
import { homeHref } from "./route";
import { themes, useTheme } from "./theme";

function serverWords(server: ServerState): string {
  if (server.ready) return `Release ${server.ready.release}`;
  if (!server.problem) return "Connecting";
  return server.problem.status === 0 ? "No answer" : "Not ready";
}

function ServerChip({ server }: { server: ServerState }) {
  const failing = server.ready?.failing;
  const mood = server.problem ? "bad" : server.ready && !failing ? "good" : "waiting";
  return (
    <span className="server" data-mood={mood} role="status">
      <span className="dot" aria-hidden="true" />
      {serverWords(server)}
      {failing && (
        <span className="failing">
          , but release {failing.release} does not load: {failing.reason}
        </span>
      )}
    </span>
  );
}

function ThemeSwitch() {
  const [theme, setTheme] = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "auto";
  return (
    <button
      className="quiet theme"
      onClick={() => setTheme(next)}
      title={`Colours: ${theme}. Switch to ${next}`}
      aria-label={`Colours: ${theme}. Switch to ${next}`}
    >
      <Icon name={theme} />
    </button>
  );
}

export function Masthead({ server }: { server: ServerState }) {
  return (
    <header className="masthead">
      <a className="brand" href={homeHref}>
        <span className="mark" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        Palate
      </a>
      <ServerChip server={server} />
      <a className="quiet api" href="/openapi.json">
        API
      </a>
      <ThemeSwitch />
    </header>
  );
}
