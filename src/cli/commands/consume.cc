#include <chrono>
#include <condition_variable>
#include <mutex>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/stop.h"
#include "cli/command.h"
#include "cli/print.h"
#include "kafka/json_source.h"
#include "kafka/kafka_stream.h"

namespace palate {
namespace {

constexpr double kBetweenReports_s = 10;
constexpr double kBetweenLooks_s = 0.1;

// What one interval has brought, in words; empty when nothing has.
class Report {
 public:
  std::string line(double seconds, const KafkaStream* stream, const JsonSource* source) {
    const auto followed = stream != nullptr ? stream->progress() : KafkaStream::Progress();
    const auto taken = source != nullptr ? source->progress() : JsonSource::Progress();
    std::string text;
    if (taken.messages > messages_) {
      text +=
          fmt::format("taken {} events/s of {} messages/s; ", rate(taken.events - taken_, seconds),
                      rate(taken.messages - messages_, seconds));
    }
    if (followed.events > folded_) {
      text += fmt::format("folded {} events/s, {} messages behind in {} partitions; ",
                          rate(followed.events - folded_, seconds), followed.behind,
                          followed.partitions);
    }
    messages_ = taken.messages;
    taken_ = taken.events;
    folded_ = followed.events;
    return text.empty() ? text : text.substr(0, text.size() - 2);
  }

 private:
  static std::string rate(uint64_t count, double seconds) {
    return human_count(static_cast<uint64_t>(static_cast<double>(count) / seconds));
  }
  uint64_t messages_ = 0, taken_ = 0, folded_ = 0;
};

// True once for each time that nothing more is to be read after something was.
class CaughtUp {
 public:
  bool now(const KafkaStream& stream) {
    const KafkaStream::Progress progress = stream.progress();
    const bool is = progress.partitions > 0 && progress.behind == 0;
    const bool news = is && !before_;
    before_ = is;
    return news;
  }

 private:
  bool before_ = false;
};

void report_until_stopped(const KafkaStream* stream, const JsonSource* source) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  Report report;
  CaughtUp caught_up;
  auto before = std::chrono::steady_clock::now();
  const std::stop_token stop = process_stop_token();
  while (!stop.stop_requested()) {
    stopped.wait_for(lock, stop, std::chrono::duration<double>(kBetweenLooks_s),
                     [] { return false; });
    if (stream != nullptr && caught_up.now(*stream)) log_info("caught up with Kafka");
    const auto after = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(after - before).count();
    if (seconds < kBetweenReports_s) continue;
    before = after;
    const std::string line = report.line(seconds, stream, source);
    if (!line.empty()) log_info("{}", line);
  }
}

void print_totals(const Context& context, const KafkaStream* stream, const JsonSource* source,
                  uint64_t refused) {
  const auto followed = stream != nullptr ? stream->progress() : KafkaStream::Progress();
  const auto taken = source != nullptr ? source->progress() : JsonSource::Progress();
  if (context.json) {
    print_json({{"folded", followed.events},
                {"duplicates", followed.duplicates + taken.duplicates},
                {"taken", taken.events},
                {"messages", taken.messages},
                {"refused", refused}});
    return;
  }
  if (source != nullptr) {
    print_line(fmt::format("taken {} events of {} messages", human_count(taken.events),
                           human_count(taken.messages)));
  }
  if (stream != nullptr) print_line(fmt::format("folded {} events", human_count(followed.events)));
}

Status consume(Context& context) {
  const Settings& settings = context.settings;
  const bool from_topic = !settings.kafka.source_topic.empty();
  if (!settings.log.is_kafka() && !from_topic) {
    return fail(Code::kInvalidArgument,
                "there is nothing to consume: set log.kind = \"kafka\" to follow the log, or "
                "--kafka.source_topic to take in a topic of your own");
  }
  auto data = TRY(context.open_data(OpenMode::kWriter));
  std::unique_ptr<KafkaStream> stream = context.follow(*data);
  Intake& intake = stream != nullptr ? static_cast<Intake&>(*stream) : data->ingest();
  RefusedMessages refused(data->root() / "quarantine");
  std::unique_ptr<JsonSource> source;
  if (from_topic) {
    source = TRY(JsonSource::start({.config = &settings.kafka,
                                    .types = &settings.types,
                                    .intake = &intake,
                                    .refused = &refused,
                                    .contract = [&data] { return data->contract(); },
                                    .error_budget = settings.validation.error_budget}));
  }
  const std::unique_ptr<Upkeep> upkeep = context.look_after(*data);
  log_info("consuming into {}", data->root().string());
  report_until_stopped(stream.get(), source.get());
  const uint64_t count =
      refused.count() + (stream != nullptr ? stream->progress().refused : uint64_t{0});
  print_totals(context, stream.get(), source.get(), count);
  return {};
}

}  // namespace

Command consume_command() {
  return {"consume", "Follow Kafka without serving, or take in a topic of events as JSON",
          "Examples:\n  palate consume --log.kind kafka --kafka.group trainers   # its own copy of "
          "everything\n"
          "  palate consume --kafka.source_topic shop.clicks   # a topic of yours, into the log\n"
          "It runs until Ctrl-C or SIGTERM. docs/kafka.md",
          [](CommandFlags&) { return std::function<Status(Context&)>(consume); }};
}

}  // namespace palate
