// Children with data-flip glide from where they were to where they are (First, Last, Invert, Play),
// unless motion is not wanted.
import { useLayoutEffect, useRef, type RefObject } from "react";

interface Place {
  x: number;
  y: number;
}

export function useFlip(parent: RefObject<HTMLElement | null>, order: string): void {
  const before = useRef(new Map<string, Place>());
  useLayoutEffect(() => {
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const places = new Map<string, Place>();
    for (const child of parent.current?.querySelectorAll<HTMLElement>("[data-flip]") ?? []) {
      const key = child.dataset["flip"] ?? "";
      const place = { x: child.offsetLeft, y: child.offsetTop };
      places.set(key, place);
      const old = before.current.get(key);
      if (still || before.current.size === 0) continue;
      child.animate(framesOf(old, place), { duration: 320, easing: "cubic-bezier(.2,.8,.2,1)" });
    }
    before.current = places;
  }, [order]);
}

function framesOf(old: Place | undefined, place: Place): Keyframe[] {
  if (!old)
    return [
      { opacity: 0, transform: "scale(.94)" },
      { opacity: 1, transform: "none" },
    ];
  const shift = `translate(${old.x - place.x}px, ${old.y - place.y}px)`;
  return [{ transform: shift }, { transform: "none" }];
}
