import type { UserState } from "../api/answers";
import { getUser } from "../api/calls";
import { useAnswer, type Answer } from "../api/use_answer";

export function useUser(user: string | undefined, version: string): Answer<UserState> {
  return useAnswer<UserState>(user ?? null, version, (signal) => getUser(user ?? "", signal));
}
