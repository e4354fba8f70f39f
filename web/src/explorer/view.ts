// What the address says about the list that is shown, and about the one beside it.
import type { Lens } from "../api/calls";
import { homeHref, userHref } from "../route";
import { pathOf } from "../api/http";

export type OtherKind = "anybody" | "user" | "filter" | "pipeline";

/** The list beside the first one: the same but for one thing. */
export interface Other {
  kind: OtherKind;
  value: string;
}

export interface View {
  lens: Lens;
  other: Other | null;
}

const otherKinds: readonly OtherKind[] = ["anybody", "user", "filter", "pipeline"];

function parseOther(text: string | null): Other | null {
  const [word = "", ...rest] = (text ?? "").split(":");
  const kind = otherKinds.find((one) => one === word);
  return kind ? { kind, value: rest.join(":") } : null;
}

export function viewOf(user: string | undefined, query: URLSearchParams): View {
  return {
    lens: {
      user,
      pipeline: query.get("pipeline") ?? undefined,
      filter: query.get("filter") ?? undefined,
      includeConsumed: query.get("had") === "yes",
    },
    other: parseOther(query.get("beside")),
  };
}

export function hrefOf({ lens, other }: View): string {
  const query = {
    pipeline: lens.pipeline,
    filter: lens.filter,
    had: lens.includeConsumed ? "yes" : undefined,
    beside: other ? `${other.kind}:${other.value}` : undefined,
  };
  return lens.user === undefined ? pathOf(homeHref, query) : userHref(lens.user, query);
}

/** null while it is not said whose list, or which. */
export function otherLens(lens: Lens, other: Other): Lens | null {
  if (other.kind === "anybody") return { ...lens, user: undefined };
  if (other.value === "") return null;
  return { ...lens, [other.kind]: other.value };
}

export function lensName({ user, filter, pipeline }: Lens): string {
  const parts = [user ?? "anybody"];
  if (pipeline) parts.push(pipeline);
  if (filter) parts.push(`only ${filter}`);
  return parts.join(" · ");
}
