import { useEffect, useRef } from "react";
import type { Contract } from "../api/contract";
import { useFlip } from "../parts/flip";
import { Card } from "./card";
import type { Acts } from "./use_acts";
import type { SlateState } from "./use_slate";

interface SlateListProps {
  user: string | undefined;
  slate: SlateState;
  contract: Contract;
  acts: Acts | null;
  onWhy: (item: string) => void;
  /** The list beside this one, whose places each card names. */
  beside: SlateState | null;
}

export function SlateList(props: SlateListProps) {
  const { user, slate, contract, acts, onWhy, beside } = props;
  const list = useRef<HTMLOListElement>(null);
  const order = slate.items.map((one) => one.item).join(" ");
  useFlip(list, order);
  useEffect(() => {
    // Who acted on a card by keyboard that is gone now goes on from the list, not from the top.
    if (acts?.last && document.activeElement === document.body) list.current?.focus();
  }, [order]);
  const places = beside?.value ? beside.items.map((one) => one.item) : null;
  return (
    <ol ref={list} className="cards" tabIndex={-1}>
      {slate.items.map((one, slot) => (
        <li key={one.item} data-flip={one.item}>
          <Card
            item={one}
            slot={slot}
            user={user}
            request={slate.value?.request_id}
            eventTypes={contract.eventTypes}
            acts={acts}
            move={slate.moves.of.get(one.item)}
            beside={places && places.indexOf(one.item)}
            onWhy={() => onWhy(one.item)}
          />
        </li>
      ))}
    </ol>
  );
}
