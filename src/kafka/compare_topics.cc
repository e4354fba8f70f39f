#include "kafka/compare_topics.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/stop.h"
#include "events/block.h"
#include "ids/pseudonym.h"
#include "ingest/prepared_events.h"
#include "kafka/client.h"
#include "kafka/kafka_log.h"
#include "kafka/message.h"

namespace palate {
namespace {

constexpr size_t kMissingMax = 100;
constexpr size_t kPoisonMax = 1000;
constexpr std::string_view kFollowed = "followed/";

// By partition of the events, the first message that was not read.
Result<std::map<uint32_t, uint64_t>> places(const DataDirectory& data, const std::string& topic) {
  std::map<uint32_t, uint64_t> places;
  const std::string prefix = fmt::format("{}{}/", kFollowed, topic);
  for (const auto& [key, value] : TRY(data.meta(prefix))) {
    uint32_t partition = 0;
    uint64_t place = 0;
    std::from_chars(key.data() + prefix.size(), key.data() + key.size(), partition);
    std::from_chars(value.data(), value.data() + value.size(), place);
    places[partition] = place;
  }
  return places;
}

struct Logged {
  Hash128 identity;
  Position at;
  auto operator<=>(const Logged&) const = default;
};

class Comparison {
 public:
  Comparison(const CompareTopics& options, DataDirectory& data) : options_(options), data_(data) {}

  Status read_own() {
    for (ForgetRecord& record : TRY(data_.forgetting().records())) {
      forgotten_.insert(std::move(record.digest));
    }
    return data_.log().read({}, [&](const EventLog::Block& block) -> Status {
      TRY(check_stop(options_.stop));
      const EventBatch batch = TRY(decode_events(block.bytes, *options_.types));
      for (const Hash128& identity : identities_of(batch.rows, *options_.types)) {
        own_.push_back(identity);
      }
      return {};
    });
  }

  // Poison is passed over, as whoever follows does.
  Status read_partition(const KafkaLog& log, uint32_t partition, uint64_t place) {
    size_t poison = 0;  // in a row
    for (uint64_t next = 0; next < place; ++next) {
      bool reached = false;
      const Position from{Stream::kEvents, partition, first_of_message(next)};
      const Status read = log.read(from, [&](const EventLog::Block& block) -> Status {
        TRY(check_stop(options_.stop));
        reached = message_of(block.first.offset) >= place;
        if (reached) return fail(Code::kCancelled, "the rest was not read");
        next = message_of(block.first.offset) + 1;
        poison = 0;
        return add(block);
      });
      if (read || reached) return {};
      if (read.error().code != Code::kCorrupt || ++poison > kPoisonMax) return read;
      ++out_.refused;
    }
    return {};
  }

  TopicsCompared finish() {
    std::sort(own_.begin(), own_.end());
    std::sort(topics_.begin(), topics_.end());
    for (size_t i = 0; i < topics_.size(); ++i) {
      if (i > 0 && topics_[i].identity == topics_[i - 1].identity) {
        ++out_.repeated;
      } else if (!std::binary_search(own_.begin(), own_.end(), topics_[i].identity) &&
                 out_.missing.size() < kMissingMax) {
        out_.missing.push_back(
            fmt::format("{} of Kafka is not in the log", to_string(topics_[i].at)));
      }
    }
    out_.events = topics_.size();
    return std::move(out_);
  }

 private:
  Status add(const EventLog::Block& block) {
    const auto rows = TRY(read_block_message(block.bytes, *options_.types));
    out_.refused += rows.refused.size();
    const std::vector<Hash128> identities = identities_of(rows.batch.rows, *options_.types);
    for (size_t i = 0; i < identities.size(); ++i) {
      if (!was_forgotten(rows.batch.rows[i].user)) topics_.push_back({identities[i], block.first});
    }
    return {};
  }
  // Kafka keeps what a user did for as long as its own retention says.
  [[nodiscard]] bool was_forgotten(std::string_view user) const {
    return !forgotten_.empty() && forgotten_.contains(digest_of(data_.hash().user(user)));
  }

  const CompareTopics& options_;
  DataDirectory& data_;
  std::set<std::string> forgotten_;  // digests of pseudonyms
  std::vector<Hash128> own_;
  std::vector<Logged> topics_;
  TopicsCompared out_;
};

}  // namespace

Result<TopicsCompared> compare_topics(const CompareTopics& options, DataDirectory& data) {
  const std::string topic = topic_name(*options.config, options.tenant, Stream::kEvents);
  Comparison comparison(options, data);
  const auto followed = TRY(places(data, topic));
  TRY(comparison.read_own());
  const auto log = TRY(KafkaLog::open(*options.config, options.tenant));
  for (const auto& [partition, place] : followed) {
    TRY(comparison.read_partition(*log, partition, place));
  }
  return comparison.finish();
}

}  // namespace palate
