import type { Contract } from "./api/contract";

/** What every page knows of the server it shows. */
export interface World {
  /** Changes when the server's answers may have: another release, or it is back. */
  beat: number;
  /** It does not answer, or has no release to answer with. */
  away: boolean;
  contract: Contract;
}

/** Of titles, where neither server nor user say which. */
export const browserLanguage = navigator.language.split("-")[0] ?? "en";
