#include <optional>

#include "events/event_json.h"
#include "serve/acknowledge.h"
#include "serve/body.h"
#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"

namespace palate {
namespace {

struct ParsedEvents {
  EventBatch batch;
  std::vector<RefusedEvent> refused;
};

// One parser a thread keeps its buffers from request to request.
EventJsonParser& parser_of(const App& app) {
  thread_local const EventTypes* types = nullptr;
  thread_local std::optional<EventJsonParser> parser;
  if (types != app.types || !parser) {
    types = app.types;
    parser.emplace(*app.types, now());
  }
  parser->set_received(now());
  return *parser;
}

Result<ParsedEvents> parse(const App& app, std::string_view body) {
  const std::string_view text = TRY(unwrap(body, "events"));
  ParsedEvents events;
  const Status parsed =
      parser_of(app).parse_body(text, static_cast<size_t>(app.config.events_per_request_max),
                                events.batch, [&events](size_t index, Rejection why) {
                                  events.refused.push_back({index, std::move(why), ""});
                                });
  if (!parsed || !events.refused.empty()) TRY(check_json(body));
  TRY(parsed);
  if (events.batch.rows.empty() && events.refused.empty()) {
    return fail(Code::kInvalidArgument, "The body holds no event.");
  }
  return events;
}

std::vector<FieldError> in_words(const std::vector<RefusedEvent>& refused) {
  std::vector<FieldError> errors;
  for (const RefusedEvent& event : refused) {
    errors.push_back({static_cast<int64_t>(event.index), "",
                      std::string(reason_info(event.why.reason).code), event.why.sentence});
  }
  return errors;
}

// Keeps what was left out, as it was sent.
void quarantine(const App& app, std::string_view body, std::vector<RefusedEvent> refused) {
  if (refused.empty()) return;
  const auto texts =
      split_records(body, "events", static_cast<size_t>(app.config.events_per_request_max));
  for (RefusedEvent& event : refused) {
    if (texts && event.index < texts->texts.size()) event.json = texts->texts[event.index];
  }
  const size_t count = refused.size();
  if (app.quarantine->add(std::move(refused))) app.metrics->quarantined(count);
}

AsOf events_ends(const App& app) {
  AsOf ends = app.intake->folded();
  std::erase_if(ends, [](const Position& end) { return end.stream != Stream::kEvents; });
  return ends;
}

}  // namespace

void post_events(const App& app, const Call& call, const Reply& reply) {
  const auto partial = call.parameters.boolean("partial", false);
  if (!partial) return reply(problem(partial.error()));
  auto events = parse(app, call.request.body);
  if (!events) return reply(problem(events.error()));
  const size_t refused = events->refused.size();
  app.metrics->refused(Stream::kEvents, refused);
  if (refused > 0 && !*partial) {
    return reply(problem(
        fmt::format(
            "{} of {} events are wrong; none was stored. With ?partial=true the others are.",
            refused, refused + events->batch.rows.size()),
        in_words(events->refused)));
  }
  WriteOutcome outcome{Stream::kEvents, *partial, in_words(events->refused)};
  quarantine(app, call.request.body, std::move(events->refused));
  if (events->batch.rows.empty()) {
    return acknowledge(app, outcome, IngestReceipt{.ends = events_ends(app)}, reply);
  }
  const Status queued = app.intake->submit_events(
      std::move(events->batch),
      [&app, reply, outcome = std::move(outcome)](Result<IngestReceipt> receipt) {
        acknowledge(app, outcome, receipt, reply);
      });
  if (!queued) reply(problem(queued.error()));
}

}  // namespace palate
