#include "operate/verify.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "kafka/compare_topics.h"

namespace palate {
namespace {

Status verify_directory(Context& context) {
  auto data = TRY(context.open_data(OpenMode::kStored));
  VerifyOptions options;
  options.history.events_max = static_cast<size_t>(context.settings.data.history_events_max);
  options.features = context.settings.features;
  options.dedup_events = static_cast<uint64_t>(context.settings.data.dedup_events);
  options.stop = process_stop_token();
  Verification found = TRY(verify(*data, context.settings.types, options));
  TopicsCompared topics;
  if (context.settings.log.is_kafka()) {
    topics = TRY(compare_topics({.config = &context.settings.kafka,
                                 .tenant = {context.settings.data.tenant},
                                 .types = &context.settings.types,
                                 .stop = options.stop},
                                *data));
    found.findings.insert(found.findings.end(), topics.missing.begin(), topics.missing.end());
  }
  if (context.json) {
    print_json(
        {{"directory", found.directory},
         {"whole", found.whole()},
         {"events", found.events},
         {"folded", found.folded},
         {"erased", found.erased},
         {"dropped", found.dropped},
         {"repeated", found.repeated},
         {"items", found.items},
         {"users", found.users},
         {"users_different", found.users_different},
         {"popularity", found.popularity},
         {"popularity_different", found.popularity_different},
         {"artefacts", found.artefacts},
         {"topics",
          {{"events", topics.events}, {"repeated", topics.repeated}, {"refused", topics.refused}}},
         {"findings", found.findings}});
  } else {
    for (const std::string& finding : found.findings) print_line(finding);
    print_line(fmt::format("{} events, {} users, {} counters, {} artefacts read and compared",
                           human_count(found.folded), human_count(found.users),
                           human_count(found.popularity), human_count(found.artefacts)));
    if (context.settings.log.is_kafka()) {
      print_line(fmt::format("{} events of the topics of Kafka compared, {} of them repeats",
                             human_count(topics.events), human_count(topics.repeated)));
    }
    if (found.dropped > 0) {
      print_line(fmt::format("the log begins at event {}: states cannot be compared with it",
                             human_count(found.dropped)));
    }
    if (found.dropped == 0 && found.folded < found.events) {
      print_line(fmt::format("{} events wait to be folded; the next writer does it",
                             human_count(found.events - found.folded)));
    }
    if (found.whole()) print_line("everything is whole");
  }
  if (found.whole()) return {};
  return fail(
      Code::kCorrupt, "{}: {}{}; see docs/reliability.md", found.directory, found.findings.front(),
      found.findings.size() > 1 ? fmt::format(" (and {} more)", found.findings.size() - 1) : "");
}

}  // namespace

Command verify_command() {
  return {"verify", "Read everything again: checksums, and the state against the log",
          "Examples:\n  palate verify\n  palate verify --data shop --json   # also beside a server",
          [](CommandFlags&) { return std::function<Status(Context&)>(verify_directory); }};
}

}  // namespace palate
