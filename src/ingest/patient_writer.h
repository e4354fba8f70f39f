// Writes to an intake that may be full or away for a while: sends again, in order, until it is
// taken or somebody stops it. What comes twice by that is dropped, as everywhere. Not thread-safe.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "ingest/intake.h"

namespace palate {

class PatientWriter {
 public:
  PatientWriter(Intake& intake, std::stop_token stop) : intake_(intake), stop_(std::move(stop)) {}
  // Errors: those that waiting does not mend, kCancelled.
  Result<IngestReceipt> events(const EventBatch& batch);
  Result<IngestReceipt> items(const std::vector<ItemRecord>& items);
  Result<IngestReceipt> users(const std::vector<UserRecord>& users);

 private:
  template <class Write>
  Result<IngestReceipt> again(const Write& write);
  Intake& intake_;
  std::stop_token stop_;
  std::string said_;  // to the operator, last
};

}  // namespace palate
