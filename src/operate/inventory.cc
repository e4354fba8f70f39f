#include "operate/inventory.h"

#include <algorithm>
#include <filesystem>

#include "base/progress.h"
#include "base/stop.h"
#include "events/block.h"
#include "registry/registry.h"

namespace palate {
namespace {

namespace fs = std::filesystem;

uint64_t bytes_below(const Path& root) {
  uint64_t bytes = 0;
  std::error_code ignored;
  // A running server removes files while we walk; one that is gone counts nothing.
  for (auto it = fs::recursive_directory_iterator(
           root, fs::directory_options::skip_permission_denied, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    if (!it->is_regular_file(ignored)) continue;
    const uint64_t size = it->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

uint64_t entries_in(const Path& folder) {
  std::error_code ignored;
  auto it = fs::directory_iterator(folder, ignored);
  return ignored ? 0 : static_cast<uint64_t>(std::distance(fs::begin(it), fs::end(it)));
}

// Somebody who liked a few things in the batch, neither a newcomer nor a bot: nearest to ten; the
// first of equals.
std::string typical_user(const EventBatch& batch, const EventTypes& types) {
  constexpr size_t kLikes = 10;
  std::map<std::string_view, size_t> likes;
  for (const EventView& row : batch.rows) {
    if (row.type.value < types.size() && types.preference(row.type, row.value) > 0)
      ++likes[row.user];
  }
  const auto distance = [](const auto& entry) {
    return entry.second > kLikes ? entry.second - kLikes : kLikes - entry.second;
  };
  const auto best = std::ranges::min_element(likes, {}, distance);
  return best == likes.end() ? "" : std::string(best->first);
}

Status count_events(DataDirectory& data, const EventTypes& types, std::stop_token stop,
                    Inventory& out) {
  uint64_t total = 0;
  for (const Position& end : TRY(data.log().ends())) {
    if (end.stream == Stream::kEvents) total += end.offset;
  }
  Progress progress("reading the log", total, "events");
  std::vector<uint64_t> by_type(types.size() + 1);  // the last: types no longer declared
  for (const Position& end : TRY(data.log().ends())) {
    if (end.stream != Stream::kEvents) continue;
    TRY(data.log().read({Stream::kEvents, end.partition, 0},
                        [&](const EventLog::Block& block) -> Status {
                          TRY(check_stop(stop));
                          const EventBatch batch = TRY(decode_events(block.bytes, types));
                          for (const EventView& row : batch.rows) {
                            ++by_type[std::min<size_t>(row.type.value, types.size())];
                            out.first = out.first ? std::min(*out.first, row.ts) : row.ts;
                            out.last = out.last ? std::max(*out.last, row.ts) : row.ts;
                          }
                          out.events += batch.rows.size();
                          if (auto user = typical_user(batch, types); !user.empty())
                            out.sample_user = std::move(user);
                          progress.add(batch.rows.size());
                          return {};
                        }));
  }
  for (size_t t = 0; t < by_type.size(); ++t) {
    if (by_type[t] == 0) continue;
    const std::string name =
        t < types.size() ? types.at({static_cast<uint16_t>(t)}).name : "(undeclared)";
    out.events_by_type[name] = by_type[t];
  }
  return {};
}

Status list_models(const Registry& registry, Inventory& out) {
  const auto release = TRY(registry.current());
  if (release) out.release = release->number;
  for (const std::string& kind : TRY(registry.kinds())) {
    for (const std::string& version : TRY(registry.versions(kind))) {
      auto artefact = registry.open(kind, version);
      if (!artefact && artefact.error().code == Code::kNotFound) continue;  // pruned meanwhile
      const bool live =
          release && release->artefacts.contains(kind) && release->artefacts.at(kind) == version;
      if (!artefact) {
        out.models.push_back({kind, version, "", 0, live, artefact.error().message});
        continue;
      }
      out.models.push_back(
          {kind, version, (*artefact)->manifest().created, (*artefact)->bytes_on_disk(), live, ""});
    }
  }
  return {};
}

}  // namespace

Result<Inventory> take_inventory(DataDirectory& data, const EventTypes& types,
                                 std::stop_token stop) {
  Inventory out;
  out.directory = data.root().string();
  TRY(count_events(data, types, stop, out));
  {
    const Catalogue::View view = data.state().catalogue().view();
    out.items = view.size();
    for (uint32_t i = 0; i < view.size(); ++i) out.items_described += view.described(ItemIx{i});
  }
  out.users = TRY(data.state().users_count());
  TRY(list_models(Registry(data.root()), out));
  out.quarantine_files = entries_in(data.root() / "quarantine");
  out.bytes_on_disk = bytes_below(data.root());
  return out;
}

}  // namespace palate
