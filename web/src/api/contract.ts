// What this server offers, read from its own description once: which event types are declared,
// which pipelines a request may name, and whether it says what their stages did.
import { useEffect, useState } from "react";
import type { Pipelines } from "./answers";
import { ask } from "./http";

export interface Contract {
  /** False until the description was read, or is known not to come. */
  known: boolean;
  eventTypes: string[];
  /** null: a request may name none. */
  pipelines: Pipelines | null;
  trace: boolean;
}

interface OpenApi {
  paths: Record<string, { get?: { parameters?: { name?: string }[] } }>;
  components: { schemas: { Event: { properties: { type: { enum: string[] } } } } };
}

async function read(): Promise<Contract> {
  const { value } = await ask<OpenApi>("/openapi.json");
  const offered = value.paths["/v1/recommendations"]?.get?.parameters ?? [];
  const listed = value.paths["/v1/pipelines"] !== undefined;
  const pipelines = listed ? (await ask<Pipelines>("/v1/pipelines")).value : null;
  return {
    known: true,
    eventTypes: value.components.schemas.Event.properties.type.enum,
    pipelines: pipelines?.by_request ? pipelines : null,
    trace: offered.some((parameter) => parameter.name === "trace"),
  };
}

const unread: Contract = { known: false, eventTypes: [], pipelines: null, trace: false };
const nothing: Contract = { ...unread, known: true };

/** Read again when `beat` changes: another server may have come up. */
export function useContract(beat: number): Contract {
  const [contract, setContract] = useState(unread);
  useEffect(() => {
    let current = true;
    read().then(
      (value) => current && setContract(value),
      () => current && setContract(nothing),
    );
    return () => void (current = false);
  }, [beat]);
  return contract;
}
