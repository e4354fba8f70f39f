// One function an endpoint.
import type {
  Acknowledgement,
  Explanation,
  FoundItem,
  FoundUser,
  ItemState,
  Ready,
  Slate,
  UserState,
} from "./answers";
import { ask, pathOf } from "./http";

/** What makes one list differ from another. */
export interface Lens {
  user?: string | undefined;
  pipeline?: string | undefined;
  filter?: string | undefined;
  includeConsumed?: boolean | undefined;
}

function lensQuery(lens: Lens) {
  const { user, pipeline, filter, includeConsumed } = lens;
  return { user, pipeline, filter, include_consumed: includeConsumed };
}

export interface SlateWanted {
  lens: Lens;
  n: number;
  after?: string | undefined;
  cursor?: string | undefined;
  trace: boolean;
}

export const getReady = (signal: AbortSignal) => ask<Ready>("/readyz", { signal });

export function getSlate(wanted: SlateWanted, signal?: AbortSignal) {
  const { lens, n, after, cursor, trace } = wanted;
  const query = { ...lensQuery(lens), n, after, cursor, trace, explain: 3 };
  return ask<Slate>(pathOf("/v1/recommendations", query), signal ? { signal } : {});
}

export function getExplanation(item: string, lens: Lens, signal: AbortSignal) {
  return ask<Explanation>(pathOf("/v1/explain", { item, ...lensQuery(lens), reasons: 8 }), {
    signal,
  });
}

export function getSimilar(item: string, language: string, signal: AbortSignal) {
  return ask<Slate>(pathOf("/v1/similar", { item, language, n: 12 }), { signal });
}

export const getItem = (item: string) => ask<ItemState>(`/v1/items/${encodeURIComponent(item)}`);

export function getUser(user: string, signal: AbortSignal) {
  return ask<UserState>(`/v1/users/${encodeURIComponent(user)}?history=100`, { signal });
}

export function findUsers(prefix: string, signal: AbortSignal) {
  return ask<{ users: FoundUser[] }>(pathOf("/v1/users", { prefix, n: 8 }), { signal });
}

export function findItems(search: string, language: string, signal: AbortSignal) {
  return ask<{ items: FoundItem[] }>(pathOf("/v1/items", { search, language, n: 8 }), { signal });
}

export interface NewEvent {
  type: string;
  user: string;
  item: string;
  value?: number | undefined;
  request_id?: string | undefined;
  slot?: number | undefined;
}

export function postEvent(event: NewEvent) {
  return ask<Acknowledgement>("/v1/events", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(event),
  });
}
