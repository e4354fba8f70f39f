#include <algorithm>

#include "base/hash.h"
#include "recommend/draft.h"

namespace palate::stages {
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
uint64_t hash_of(const RecommendRequest& request) {
  std::string key = request.include_consumed ? "1" : "0";
  append(key, request.user);
  append_sorted(key, request.exclude);
  append_sorted(key, request.categories);
  return hash64(key);
}

Status check_limits(const RecommendRequest& request) {
  if (request.n < 1 || request.n > kItemsPerPageMax) {
    return fail(Code::kInvalidArgument, "n is {}; it must be 1 to {}", request.n, kItemsPerPageMax);
  }
  if (request.exclude.size() > kExcludedMax || request.categories.size() > kCategoriesMax) {
    return fail(Code::kInvalidArgument,
                "{} excluded items and {} categories; at most {} and {} are allowed",
                request.exclude.size(), request.categories.size(), kExcludedMax, kCategoriesMax);
  }
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
  draft.request_hash = hash_of(request);
  if (request.cursor.empty()) return {};
  const Cursor cursor = TRY(decode_cursor(request.cursor));
  if (cursor.request_hash != draft.request_hash) {
    return fail(Code::kInvalidArgument,
                "the cursor belongs to a request with another user or other filters; repeat the "
                "same ones, or leave it out for the first page");
  }
  if (cursor.release != release.number) {
    return fail(Code::kConflict,
                "the cursor belongs to release {}, this is release {}; start again with the first "
                "page",
                cursor.release, release.number);
  }
  draft.cursor = cursor;
  return {};
}

}  // namespace palate::stages
