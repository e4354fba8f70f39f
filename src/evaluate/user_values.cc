#include "evaluate/user_values.h"

#include <cstring>

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace palate {
namespace {

using Json = nlohmann::json;

Json metric_rows(std::span<const MetricValue> metrics) {
  Json list = Json::array();
  for (const MetricValue& metric : metrics) {
    list.push_back({metric.name, metric.k, metric.value.mean, metric.value.low, metric.value.high});
  }
  return list;
}

std::vector<MetricValue> metrics_of(const Json& list) {
  std::vector<MetricValue> out;
  for (const Json& metric : list) {
    out.push_back({metric.at(0), metric.at(1), {metric.at(2), metric.at(3), metric.at(4)}});
  }
  return out;
}

template <class T>
void append(std::string& bytes, std::span<const T> values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void append_ids(std::string& bytes, const Dataset& data, std::span<const UserIx> users) {
  for (const UserIx user : users) bytes += data.user_id(user).bytes();
}

// Takes `count` values off the front. False where there are not so many.
template <class T>
bool take(std::string_view& bytes, size_t count, std::vector<T>& out) {
  if (bytes.size() / sizeof(T) < count) return false;
  out.resize(count);
  std::memcpy(out.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return true;
}

struct Sizes {
  size_t users = 0, values = 0, rating_users = 0, rating_sums = 0;
};

Sizes read_head(std::string_view text, Report& report) {
  const Json head = Json::parse(text);
  report.kind = head.at("kind");
  report.version = head.at("model");
  report.split = head.at("split");
  report.options.ks = head.at("ks").get<std::vector<size_t>>();
  report.options.bootstrap_samples = head.at("bootstrap");
  report.options.seed = head.at("seed");
  report.options.exclude_seen = head.at("exclude_seen");
  report.metrics = metrics_of(head.at("metrics"));
  report.ratings = metrics_of(head.at("ratings"));
  return {head.at("users"), head.at("values"), head.at("rating_users"), head.at("rating_sums")};
}

}  // namespace

Status save_user_values(const Report& report, const Dataset& data, const Path& path) {
  const Json head{{"format", "palate-user-values"},
                  {"version", 1},
                  {"kind", report.kind},
                  {"model", report.version},
                  {"split", report.split},
                  {"ks", report.options.ks},
                  {"bootstrap", report.options.bootstrap_samples},
                  {"seed", report.options.seed},
                  {"exclude_seen", report.options.exclude_seen},
                  {"metrics", metric_rows(report.metrics)},
                  {"ratings", metric_rows(report.ratings)},
                  {"users", report.user_rows.size()},
                  {"values", report.user_values.size()},
                  {"rating_users", report.rating_users.size()},
                  {"rating_sums", report.rating_sums.size()}};
  std::string bytes = head.dump() + "\n";
  append_ids(bytes, data, report.user_rows);
  append<double>(bytes, report.user_values);
  append_ids(bytes, data, report.rating_users);
  append<double>(bytes, report.rating_sums);
  bytes += to_hex(hash128(bytes));
  return write_file_atomically(path, bytes);
}

Result<UserValues> load_user_values(const Path& path) {
  constexpr size_t kHashDigits = 32;
  const MappedFile file = TRY(MappedFile::open(path));
  const auto corrupt = [&] {
    return fail(Code::kCorrupt, "{} is damaged, or no file of user values; evaluate again",
                path.string());
  };
  std::string_view bytes = file.text();
  if (bytes.size() < kHashDigits) return corrupt();
  const std::string_view digits = bytes.substr(bytes.size() - kHashDigits);
  bytes.remove_suffix(kHashDigits);
  const size_t end = bytes.find('\n');
  if (to_hex(hash128(bytes)) != digits || end == std::string_view::npos) return corrupt();
  UserValues out;
  Sizes sizes;
  try {
    sizes = read_head(bytes.substr(0, end), out.report);
  } catch (const Json::exception&) {
    return corrupt();
  }
  bytes.remove_prefix(end + 1);
  const bool whole = take(bytes, sizes.users, out.users) &&
                     take(bytes, sizes.values, out.report.user_values) &&
                     take(bytes, sizes.rating_users, out.rating_users) &&
                     take(bytes, sizes.rating_sums, out.report.rating_sums) && bytes.empty();
  if (!whole) return corrupt();
  for (uint32_t i = 0; i < sizes.users; ++i) out.report.user_rows.push_back({i});
  for (uint32_t i = 0; i < sizes.rating_users; ++i) out.report.rating_users.push_back({i});
  return out;
}

Status check_same_users(const UserValues& a, const UserValues& b) {
  if (a.users == b.users && a.rating_users == b.rating_users) return {};
  return fail(
      Code::kInvalidArgument,
      "{} {} was evaluated for {} users and {} {} for {} others: only the same users on the "
      "same split can be compared",
      a.report.kind, a.report.version, a.users.size(), b.report.kind, b.report.version,
      b.users.size());
}

}  // namespace palate
