#include <algorithm>

#include "base/hash.h"
#include "recommend/draft.h"
#include "recommend/filters.h"

namespace palate::steps {
namespace {

void append(std::string& key, std::string_view text) {
  key += fmt::format("{}:", text.size());
  key += text;
}

void append_sorted(std::string& key, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  key += fmt::format("{}[", names.size());
  for (const std::string& name : names) append(key, name);
}

// Of what decides which items may come in which order; titles, n and reasons may change from page
// to page.
uint64_t hash_of(const RecommendRequest& request, const Pipeline& pipeline) {
  std::string key = request.include_consumed ? "1" : "0";
  append(key, request.user);
  append_sorted(key, request.exclude);
  append_sorted(key, request.categories);
  append(key, request.filter);
  key += fmt::format("{:x}", pipeline.hash);
  return hash64(key);
}

Status check_limits(const RecommendRequest& request) {
  TRY(check_sizes(request.n, request.exclude, request.categories));
  if (request.explain > kReasonsMax) {
    return fail(Code::kInvalidArgument, "explain is {}; at most {} reasons an item are given",
                request.explain, kReasonsMax);
  }
  return {};
}

}  // namespace

Status request(Draft& draft) {
  const RecommendRequest& request = draft.request;
  const Release& release = draft.loaded.release;
  TRY(check_limits(request));
  if (draft.loaded.personal == nullptr && draft.loaded.popular == nullptr) {
    return fail(Code::kUnavailable, "release {} has no model; train one with `palate train`",
                release.number);
  }
  draft.pipeline = draft.loaded.pipeline;
  if (!request.pipeline.empty()) {
    draft.pipeline = TRY(draft.loaded.pipelines->find(request.pipeline));
  }
  draft.slate.pipeline = draft.pipeline->name;
  draft.slate.level = draft.pipeline->plain() ? "full" : "";
  draft.request_hash = hash_of(request, *draft.pipeline);
  draft.query.now = draft.again.past != nullptr ? draft.again.past->now : now();
  if (request.cursor.empty()) return {};
  Cursor cursor = TRY(decode_cursor(request.cursor, draft.loaded.state->hash(), draft.query.now));
  if (cursor.request_hash != draft.request_hash) {
    return fail(Code::kInvalidArgument,
                "the cursor belongs to a request with another user, other filters or another "
                "pipeline; repeat the same ones, or leave it out for the first page");
  }
  if (cursor.release != release.number) {
    return fail(Code::kConflict,
                "the cursor belongs to release {}, this is release {}; start again with the first "
                "page",
                cursor.release, release.number);
  }
  draft.cursor = std::move(cursor);
  return {};
}

}  // namespace palate::steps
