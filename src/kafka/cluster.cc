#include "kafka/cluster.h"

namespace palate {
namespace {

constexpr std::string_view kClusterFact = "kafka.cluster";

}  // namespace

Status check_cluster(DataDirectory& data, const std::string& cluster) {
  const auto facts = TRY(data.meta(kClusterFact));
  if (facts.empty()) return data.put_meta(kClusterFact, cluster);
  if (facts.front().second == cluster) return {};
  return fail(Code::kConflict,
              "{}: this data directory follows the Kafka cluster '{}', not '{}': use a new one",
              data.root().string(), facts.front().second, cluster);
}

}  // namespace palate
