#include <algorithm>

#include "base/hash.h"
#include "recommend/draft.h"

namespace palate::steps {
namespace {

uint64_t events_end(const AsOf& as_of) {
  for (const Position& position : as_of) {
    if (position.stream == Stream::kEvents) return position.offset;
  }
  return 0;
}

// What was known when the first page was made, and of that the newest.
std::span<const HistoryEntry> window(const UserState& user, uint64_t end) {
  std::span<const HistoryEntry> history = user.history;
  const auto cut = std::lower_bound(
      history.begin(), history.end(), end,
      [](const HistoryEntry& entry, uint64_t offset) { return entry.offset < offset; });
  history = history.first(static_cast<size_t>(cut - history.begin()));
  return history.last(std::min(history.size(), kHistoryWindow));
}

uint64_t hash_of(std::span<const HistoryEntry> history) {
  uint64_t hash = history.size();
  for (const HistoryEntry& entry : history) {
    hash = (hash ^ entry.offset) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
  }
  return hash;
}

// Why the answer is not personal, or "" when it is.
std::string_view why_not(const Draft& draft) {
  if (draft.request.user.empty()) return "no user";
  if (draft.state_missing) return "the state of users cannot be reached";
  if (!draft.user) return "unknown user";
  if (!draft.consent) return "no consent";
  const bool nothing = draft.query.history.empty() && draft.query.profile == nullptr;
  if (nothing) return "no history";
  if (draft.loaded.personal == nullptr) return "no personal model";
  if (draft.loaded.personal->model->can_answer(draft.query)) return {};
  return draft.query.history.empty() ? "no history" : "nothing in the history that the model knows";
}

Status check_same_list(const Draft& draft) {
  if (!draft.cursor) return {};
  const Cursor& cursor = *draft.cursor;
  if (cursor.personalized == draft.slate.personalized &&
      (!cursor.personalized || cursor.history_hash == draft.history_hash)) {
    return {};
  }
  return fail(Code::kConflict,
              "what is known of user '{}' has changed too much since the first page (a full "
              "history, or consent); start again with the first page",
              draft.request.user);
}

// A shared store that is down: who is in memory gets his answer, others that of a stranger.
Status read_user(Draft& draft) {
  draft.state_missing = draft.again.past != nullptr && draft.again.past->state_missing;
  if (draft.state_missing) return {};
  auto user = draft.loaded.state->user(draft.query.user);
  draft.state_missing = !user && user.error().code == Code::kUnavailable;
  if (!draft.state_missing) draft.user = TRY(std::move(user));
  return {};
}

}  // namespace

Status user(Draft& draft) {
  Slate& slate = draft.slate;
  if (draft.logged && !draft.steady) {
    draft.held = draft.loaded.state->hold();
    draft.steady = draft.held.owns_lock();
  }
  slate.as_of = draft.loaded.state->as_of();  // before the read: the state is at least this new
  draft.events_end = draft.cursor ? draft.cursor->events_end : events_end(slate.as_of);
  if (!draft.request.user.empty()) {
    draft.query.user = draft.loaded.state->hash().user(draft.request.user);
    TRY(read_user(draft));
  }
  slate.known_user = draft.user != nullptr;
  if (draft.user) {
    draft.consent = !draft.user->has_profile || draft.user->profile.personalization;
  }
  if (draft.user && draft.consent) {
    draft.query.history = window(*draft.user, draft.events_end);
    draft.history_hash = hash_of(draft.query.history);
    if (draft.user->has_profile) draft.query.profile = &draft.user->profile;
  }
  slate.why = why_not(draft);
  slate.personalized = slate.why.empty();
  return check_same_list(draft);
}

}  // namespace palate::steps
