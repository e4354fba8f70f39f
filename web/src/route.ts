// Where one is, in the part of the address behind the #: it can be shared, and the way back works.
import { useEffect, useState } from "react";
import { pathOf, type Query } from "./api/http";

export interface Route {
  page: "home" | "user" | "item";
  id: string;
  query: URLSearchParams;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/");
  const known = page === "user" || page === "item";
  const id = known ? decoded(rest.join("/")) : "";
  return { page: known && id !== "" ? page : "home", id, query: new URLSearchParams(query) };
}

export const homeHref = "#/";
export function userHref(user: string, query: Query = {}): string {
  return pathOf(`#/user/${encodeURIComponent(user)}`, query);
}
export function itemHref(item: string, user: string | undefined): string {
  return pathOf(`#/item/${encodeURIComponent(item)}`, { user });
}

export function go(href: string): void {
  window.location.hash = href;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const changed = () => setHash(window.location.hash);
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return parseRoute(hash);
}

export function newGuest(): string {
  return `guest-${Math.random().toString(36).slice(2, 8)}`;
}
