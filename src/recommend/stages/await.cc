#include "recommend/draft.h"

namespace palate::stages {

Status await(Draft& draft) {
  const auto& after = draft.request.after;
  const int64_t deadline_us = std::max<int64_t>(draft.request.deadline_us, 0);
  if (after) draft.slate.fresh = draft.loaded.state->wait_for(*after, deadline_us);
  return {};
}

}  // namespace palate::stages
