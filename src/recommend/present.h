// How an answer names what it has found; for step "present" and whoever answers without it.
#pragma once

#include <string_view>
#include <vector>

#include "recommend/draft.h"

namespace palate {

// The kind of the model behind a source, or "catalogue".
std::string_view source_name(const LoadedRelease& loaded, SourceId source);
// Of titles: the request's, else the user's.
std::string_view language_of(const Draft& draft);

// Which stages of the pipeline proposed the candidate, and where the others put it.
void name_stages(const Draft& draft, const Candidate& candidate, RecommendedItem& item);

struct ReasonsWanted {
  size_t count = 0;
  std::string_view language;
};
// None for what is not personal, and of a model without reasons.
std::vector<RecommendedItem::Reason> reasons_of(Draft& draft, const Candidate& candidate,
                                                const ReasonsWanted& wanted);

}  // namespace palate
