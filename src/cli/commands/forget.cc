#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/stop.h"
#include "cli/command.h"
#include "cli/print.h"
#include "lake/lake_directory.h"
#include "lake/tombstones.h"

namespace palate {
namespace {

constexpr size_t kUsersMax = 100'000;
constexpr size_t kUsersAtOnce = 10'000;
constexpr size_t kListBytesMax = size_t{300} << 20;

struct Flags {
  std::vector<std::string> users;
  std::string file;
  bool records = false;
};

Result<std::vector<std::string>> wanted(const Flags& flags) {
  std::vector<std::string> users = flags.users;
  if (!flags.file.empty()) {
    const std::string text = TRY(read_file(flags.file, kListBytesMax));
    std::string_view rest = text;
    while (!rest.empty()) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty()) users.emplace_back(line);
    }
  }
  if (std::ranges::any_of(users, [](const std::string& user) { return user.empty(); })) {
    return fail(Code::kInvalidArgument, "an empty name is no user's");
  }
  if (users.empty()) {
    return fail(Code::kInvalidArgument, "who? Name users, or a file of them: --file");
  }
  if (users.size() > kUsersMax) {
    return fail(Code::kInvalidArgument, "{} users are more than {} at once", users.size(),
                kUsersMax);
  }
  return users;
}

std::string counted(uint64_t count, std::string_view one) {
  return fmt::format("{} {}{}", human_count(count), one, count == 1 ? "" : "s");
}

std::string erased(uint64_t events, uint64_t records, uint64_t quarantined) {
  return fmt::format("{} and {} of the log, {} of the quarantine", counted(events, "event"),
                     counted(records, "profile"), counted(quarantined, "row"));
}

// Everybody is known as forgotten before any file is rewritten.
Status forget(const Context& context, const Flags& flags) {
  const std::vector<std::string> users = TRY(wanted(flags));
  auto opened = context.open_data(OpenMode::kWriter);
  if (!opened && opened.error().code == Code::kConflict) {
    return fail(Code::kConflict, "{}: DELETE /v1/users/<id>", opened.error().message);
  }
  const auto data = TRY(std::move(opened));
  for (size_t done = 0; done < users.size(); done += kUsersAtOnce) {
    TRY(check_stop(process_stop_token()));
    const size_t end = std::min(users.size(), done + kUsersAtOnce);
    TRY(data->ingest().write_forget({users.begin() + static_cast<ptrdiff_t>(done),
                                     users.begin() + static_cast<ptrdiff_t>(end)}));
  }
  const Forgetting::Swept swept = TRY(data->forgetting().sweep(process_stop_token()));
  const bool has_lake = TRY(lake::LakeDirectory(context.lake_root()).current()).has_value();
  if (context.json) {
    print_json({{"users", swept.users},
                {"events", swept.events},
                {"records", swept.records},
                {"quarantined", swept.quarantined},
                {"lake_waits", has_lake}});
    return {};
  }
  print_line(fmt::format("{} forgotten; gone are {}", counted(swept.users, "user"),
                         erased(swept.events, swept.records, swept.quarantined)));
  if (has_lake) {
    print_line("in the lake they are hidden, and gone with the next: palate lake compact");
  }
  return {};
}

Status list(const Context& context) {
  const auto data = TRY(context.open_data(OpenMode::kStored));
  const auto records = TRY(data->forgetting().records());
  if (context.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const ForgetRecord& record : records) {
      json.push_back({{"digest", record.digest},
                      {"asked", record.asked},
                      {"gone", record.gone},
                      {"events", record.events},
                      {"records", record.records},
                      {"quarantined", record.quarantined}});
    }
    print_json(json);
    return {};
  }
  if (records.empty()) print_line("nobody has asked to be forgotten");
  for (const ForgetRecord& record : records) {
    if (record.gone.empty()) {
      print_line(fmt::format("{}  asked {}, hidden; files are not rewritten yet", record.digest,
                             record.asked));
      continue;
    }
    print_line(fmt::format("{}  asked {}, gone {}: {}", record.digest, record.asked, record.gone,
                           erased(record.events, record.records, record.quarantined)));
  }
  const auto waiting = TRY(lake::read_tombstones(context.lake_root()));
  if (!waiting.empty()) {
    print_line(
        fmt::format("in the lake {} hidden until the next compaction",
                    waiting.size() == 1 ? "1 user is" : human_count(waiting.size()) + " are"));
  }
  return {};
}

}  // namespace

Command forget_command() {
  return {
      "forget", "Forget users: their state, their rows in the log, in quarantine and in the lake",
      "Examples:\n  palate forget alice\n  palate forget --file gone.txt   # an id a line\n"
      "  palate forget --records   # who asked when, and what of it is gone\n"
      "What is kept of each is a digest of the pseudonym, times and counts. docs/privacy.md says "
      "what\nelse may hold what a user did, and for how long.",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command.add("users", flags->users, "Their ids");
        command.add("--file", flags->file, "A file with an id a line").existing_file();
        command.add("--records", flags->records, "Show who was forgotten");
        return std::function<Status(Context&)>([flags](Context& context) {
          return flags->records ? list(context) : forget(context, *flags);
        });
      }};
}

}  // namespace palate
