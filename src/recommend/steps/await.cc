#include "recommend/draft.h"

namespace palate::steps {

Status await(Draft& draft) {
  const int64_t deadline_us = std::max<int64_t>(draft.request.deadline_us, 0);
  for (const Position& after : draft.request.after) {
    if (!draft.loaded.state->wait_for(after, deadline_us)) draft.slate.fresh = false;
  }
  return {};
}

}  // namespace palate::steps
