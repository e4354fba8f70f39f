// Items and users: writing batches, reading one.
#include <algorithm>

#include "events/json_text.h"
#include "events/record_fault.h"
#include "serve/acknowledge.h"
#include "serve/body.h"
#include "serve/endpoints/endpoints.h"
#include "serve/problem.h"

namespace palate {
namespace {

constexpr int64_t kHistoryShown = 100;
constexpr int64_t kHistoryShownMax = 500;

template <class Record>
using Read = std::expected<Record, RecordFault> (*)(std::string_view json);

// Reads all records of a body, or says what is wrong with each that is wrong.
template <class Record>
std::expected<std::vector<Record>, std::vector<FieldError>> read_all(const SplitRecords& texts,
                                                                     Read<Record> read,
                                                                     const Contract& contract) {
  std::vector<Record> records;
  std::vector<FieldError> errors;
  for (size_t i = 0; i < texts.texts.size(); ++i) {
    auto record = read(texts.texts[i]);
    Rejection wrong;
    if (record) {
      wrong = contract.check(*record);
    } else {
      wrong = {record.error().reason, record.error().sentence, record.error().field};
    }
    if (wrong.reason == Reason::kNone) {
      records.push_back(std::move(*record));
    } else {
      errors.push_back({static_cast<int64_t>(i), wrong.field,
                        std::string(reason_info(wrong.reason).code), wrong.sentence});
    }
  }
  if (errors.empty()) return records;
  return std::unexpected(std::move(errors));
}

template <class Record>
struct Kind {
  Stream stream;
  std::string_view wrapper;
  Read<Record> read;
  Status (Intake::*submit)(std::vector<Record>, Intake::Done);
};

template <class Record>
void post_records(const App& app, const Call& call, const Reply& reply, const Kind<Record>& kind) {
  const auto texts = split_records(call.request.body, kind.wrapper,
                                   static_cast<size_t>(app.config.records_per_request_max));
  if (!texts) return reply(problem(texts.error()));
  auto records = read_all<Record>(*texts, kind.read, *app.data->contract());
  if (!records) {
    const auto& errors = records.error();
    app.metrics->refused(kind.stream, errors.size());
    return reply(problem(fmt::format("{} of {} records are wrong; none was stored.", errors.size(),
                                     texts->texts.size()),
                         errors));
  }
  const Status queued = (app.intake->*kind.submit)(
      std::move(*records), [&app, reply, stream = kind.stream](Result<IngestReceipt> receipt) {
        acknowledge(app, {.stream = stream}, receipt, reply);
      });
  if (!queued) reply(problem(queued.error()));
}

void write_history(JsonText& json, const UserState& user, size_t shown, const App& app) {
  const auto view = app.data->state().catalogue().view();
  json.key("history").open('[');
  const size_t count = std::min(shown, user.history.size());
  for (size_t i = 0; i < count; ++i) {
    const HistoryEntry& entry = user.history[user.history.size() - 1 - i];
    json.open('{');
    json.key("item").string(entry.item.value < view.size() ? view.name(entry.item) : "");
    const bool known = entry.type.value < app.types->size();
    json.key("type").string(known ? app.types->at(entry.type).name : "");
    json.key("ts").string(format_rfc3339(entry.ts));
    json.key("value").number(entry.value);
    json.key("preference").number(entry.preference);
    json.key("offset").number(entry.offset).close('}');
  }
  json.close(']');
}

}  // namespace

void post_items(const App& app, const Call& call, const Reply& reply) {
  post_records<ItemRecord>(app, call, reply,
                           {Stream::kItems, "items", read_item, &Intake::submit_items});
}

void post_users(const App& app, const Call& call, const Reply& reply) {
  post_records<UserRecord>(app, call, reply,
                           {Stream::kUsers, "users", read_user, &Intake::submit_users});
}

Result<Response> get_item(const App& app, const Call& call) {
  const auto view = app.data->state().catalogue().view();
  const auto ix = view.find(call.id);
  if (!ix) return fail(Code::kNotFound, "There is no item '{}'.", call.id.substr(0, 256));
  JsonText json(1024);
  json.open('{').key("item").raw(to_json(view.record(*ix)));
  json.key("described").boolean(view.described(*ix));
  json.key("available").boolean(view.available(*ix, now())).close('}');
  return Response{.body = json.take()};
}

Result<Response> get_user(const App& app, const Call& call) {
  const int64_t shown = TRY(call.parameters.whole("history", {0, kHistoryShownMax, kHistoryShown}));
  const auto user = TRY(app.data->state().user(call.id));
  if (!user) return fail(Code::kNotFound, "There is no user '{}'.", call.id.substr(0, 256));
  JsonText json(4096);
  json.open('{').key("user").string(call.id).key("profile");
  json.raw(user->has_profile ? to_json(user->profile) : "null");
  json.key("consumed").number(user->consumed.size());
  json.key("history_length").number(user->history.size());
  write_history(json, *user, static_cast<size_t>(shown), app);
  json.close('}');
  return Response{.body = json.take()};
}

}  // namespace palate
