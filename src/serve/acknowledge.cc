#include "serve/acknowledge.h"

#include <algorithm>

#include "events/json_text.h"

namespace palate {

void acknowledge(const App& app, const WriteOutcome& outcome, const Result<IngestReceipt>& receipt,
                 const Reply& reply) {
  if (!receipt) return reply(problem(receipt.error()));
  app.metrics->wrote(outcome.stream, receipt->accepted, receipt->duplicates);
  JsonText json;
  json.open('{').key("accepted").number(receipt->accepted);
  json.key("duplicates").number(receipt->duplicates);
  json.key("position").string(to_string(receipt->ends));
  if (outcome.partial) {
    json.key("refused").number(outcome.refused.size()).key("errors");
    write_errors(json, outcome.refused);
  }
  json.close('}');
  reply({.body = json.take()});
}

}  // namespace palate
