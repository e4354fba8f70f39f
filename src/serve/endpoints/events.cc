#include <algorithm>
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
  parser->set_contract(app.data->contract());
  return *parser;
}

Result<ParsedEvents> parse(const App& app, std::string_view body) {
  const std::string_view text = TRY(unwrap(body, "events"));
  ParsedEvents events;
  const Status parsed =
      parser_of(app).parse_body(text, static_cast<size_t>(app.config.events_per_request_max),
                                events.batch, [&events](size_t index, Rejection why) {
                                  events.refused.push_back({index, std::move(why), "", ""});
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
    errors.push_back({static_cast<int64_t>(event.index), event.why.field,
                      std::string(reason_info(event.why.reason).code), event.why.sentence});
  }
  return errors;
}

// Keeps what was left out, as it was sent.
void quarantine(const App& app, std::string_view body, std::vector<RefusedEvent> refused,
                const std::string& source) {
  if (refused.empty()) return;
  const auto texts =
      split_records(body, "events", static_cast<size_t>(app.config.events_per_request_max));
  for (RefusedEvent& event : refused) {
    if (texts && event.index < texts->texts.size()) event.json = texts->texts[event.index];
    event.source = source;
  }
  const size_t count = refused.size();
  if (app.quarantine->add(std::move(refused))) app.metrics->quarantined(count);
}

Result<std::string> source_of(const Call& call) {
  const auto given = TRY(call.parameters.one("source"));
  if (!given) return "http";
  if (is_source_name(*given)) return *given;
  return fail(
      Code::kInvalidArgument,
      "'source' is 1 to 64 letters, digits, '.', '_' and '-': the name of who sends events");
}

// A source of which too much is wrong: the good events of this request are refused like the others.
void keep_within_budget(const App& app, const std::string& source, ParsedEvents& events) {
  const size_t good = events.batch.rows.size(), all = good + events.refused.size();
  const auto beyond = app.budgets->take(source, all, events.refused.size());
  if (!beyond || good == 0) return;
  const Rejection why = beyond_budget(*beyond, source);
  std::vector<bool> refused(all);
  for (const RefusedEvent& event : events.refused) refused[event.index] = true;
  for (size_t index = 0; index < all; ++index) {
    if (!refused[index]) events.refused.push_back({index, why, "", ""});
  }
  std::ranges::sort(events.refused, {}, &RefusedEvent::index);
  events.batch.rows.clear();
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
  const auto source = source_of(call);
  if (!source) return reply(problem(source.error()));
  auto events = parse(app, call.request.body);
  if (!events) return reply(problem(events.error()));
  keep_within_budget(app, *source, *events);
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
  quarantine(app, call.request.body, std::move(events->refused), *source);
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
