// What the server answers, as src/serve/openapi.json describes it; of each, what this page shows.

export interface Ready {
  release: number;
  failing?: { release: number; reason: string };
}

export interface Reason {
  item: string;
  title: string;
  score: number | null;
}

/** Where an item stood after a stage that orders; without a place: no longer in the head. */
export interface StagePlace {
  stage: string;
  place?: number;
}

/** What a stage of the pipeline did for one answer. */
export interface StageTrace {
  stage: string;
  text: string;
  us: number;
  candidates: number;
  state: string;
  note?: string;
}

export interface RecommendedItem {
  item: string;
  title: string;
  score: number | null;
  source: string;
  reasons?: Reason[];
  proposed_by?: string[];
  places?: StagePlace[];
  propensity?: number;
  sponsored?: boolean;
}

export interface Slate {
  request_id: string;
  release: number;
  model: { kind: string; version: string };
  personalized: boolean;
  known_user: boolean;
  why?: string;
  fresh: boolean;
  items: RecommendedItem[];
  cursor?: string;
  pipeline?: string;
  level?: string;
  trace?: StageTrace[];
}

export interface Drop {
  by: string;
  why: string;
  keep: string;
}

/** What the model's score is made of, in words; common, words and rest add up to it. */
export interface Taste {
  score: number | null;
  common: number | null;
  words: { of: "category" | "tag"; word: string; score: number | null }[];
  rest: number | null;
}

export interface Explanation {
  item: string;
  title: string;
  recommended: boolean;
  dropped: Drop[];
  place: number;
  of: number;
  score: number | null;
  source: string;
  version?: string;
  release: number;
  personalized: boolean;
  why?: string;
  reasons: Reason[];
  taste?: Taste;
  pipeline?: string;
  proposed_by?: string[];
  places?: StagePlace[];
  trace?: StageTrace[];
}

export interface Acknowledgement {
  accepted: number;
  position: string;
}

export interface ItemRecord {
  id: string;
  titles?: Record<string, string>;
  descriptions?: Record<string, string>;
  categories?: string[];
  tags?: string[];
  languages?: string[];
  regions?: string[];
  creator?: string;
  released?: string;
  expires?: string;
  hidden?: boolean;
  attributes?: Record<string, string>;
}

export interface ItemState {
  item: ItemRecord;
  described: boolean;
  available: boolean;
}

export interface HistoryEntry {
  item: string;
  type: string;
  ts: string;
  value: number | null;
  preference: number;
  offset: number;
}

export interface UserState {
  user: string;
  profile: { language?: string; region?: string; age_band?: string } | null;
  consumed: number;
  history_length: number;
  history: HistoryEntry[];
}

export interface FoundItem {
  item: string;
  title: string;
  available: boolean;
}

export interface FoundUser {
  user: string;
  history_length: number;
}

export interface Pipelines {
  default: string;
  by_request: boolean;
  pipelines: { name: string; stages: { kind: string }[] }[];
}
