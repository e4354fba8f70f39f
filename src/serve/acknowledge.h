// The answer to a write: what was logged, and up to where.
#pragma once

#include <vector>

#include "ingest/ingest.h"
#include "serve/app.h"
#include "serve/http.h"
#include "serve/problem.h"

namespace palate {

struct WriteOutcome {
  Stream stream = Stream::kEvents;
  bool partial = false;  // says `refused` and `errors` too
  std::vector<FieldError> refused = {};
};

// {"accepted","duplicates","position"}, or the problem that the commit met. Counts it. Any thread.
void acknowledge(const App& app, const WriteOutcome& outcome, const Result<IngestReceipt>& receipt,
                 const Reply& reply);

}  // namespace palate
