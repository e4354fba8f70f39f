// A user who asks to be forgotten.
#include "events/json_text.h"
#include "events/limits.h"
#include "serve/acknowledge.h"
#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"

namespace palate {

// Nobody by that name is fine: what is wanted is that nothing is known of him.
void delete_user(const App& app, const Call& call, const Reply& reply) {
  if (call.id.size() > kIdBytesMax) {
    return reply(problem(
        Error{Code::kInvalidArgument, fmt::format("An id has at most {} bytes.", kIdBytesMax)}));
  }
  const Status queued =
      app.intake->submit_forget({call.id}, [reply](Result<IngestReceipt> receipt) {
        if (!receipt) return reply(problem(receipt.error()));
        JsonText json;
        json.open('{').key("forgotten").number(receipt->accepted).close('}');
        reply({.body = json.take()});
      });
  if (!queued) reply(problem(queued.error()));
}

}  // namespace palate
