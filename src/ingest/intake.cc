#include "ingest/intake.h"

#include <algorithm>
#include <future>
#include <memory>

namespace palate {
namespace {

// Runs `submit` with a callback that fills a future, and waits for it.
template <class Submit>
Result<IngestReceipt> wait_for(const Submit& submit) {
  auto promise = std::make_shared<std::promise<Result<IngestReceipt>>>();
  std::future<Result<IngestReceipt>> answer = promise->get_future();
  TRY(submit([promise](Result<IngestReceipt> receipt) { promise->set_value(std::move(receipt)); }));
  return answer.get();
}

}  // namespace

Result<IngestReceipt> Intake::write_events(EventBatch batch) {
  return wait_for([&](Done done) { return submit_events(std::move(batch), std::move(done)); });
}

Result<IngestReceipt> Intake::write_items(std::vector<ItemRecord> items) {
  return wait_for([&](Done done) { return submit_items(std::move(items), std::move(done)); });
}

Result<IngestReceipt> Intake::write_users(std::vector<UserRecord> users) {
  return wait_for([&](Done done) { return submit_users(std::move(users), std::move(done)); });
}

Result<IngestReceipt> Intake::write_forget(std::vector<std::string> users) {
  return wait_for([&](Done done) { return submit_forget(std::move(users), std::move(done)); });
}

bool Intake::reached(const AsOf& positions, std::string_view) const {
  return covers(folded(), positions);
}

bool covers(const AsOf& folded, const AsOf& positions) {
  return std::ranges::all_of(positions, [&](const Position& position) {
    return position.offset == 0 || std::ranges::any_of(folded, [&](const Position& at) {
             return at.stream == position.stream && at.partition == position.partition &&
                    at.offset >= position.offset;
           });
  });
}

}  // namespace palate
