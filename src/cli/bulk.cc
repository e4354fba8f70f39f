#include "cli/bulk.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/progress.h"
#include "base/stop.h"

namespace palate {
namespace {

constexpr size_t kTogether = 128;       // users that a thread ranks in one pass
constexpr size_t kBlocksAtOnce = 64;    // … and passes between two writes
constexpr size_t kIdBytesMax = 65'536;  // as of an event

// The next ids of `text`, at most `most`; takes them away.
Result<std::vector<RecommendRequest>> next_requests(std::string_view& text, size_t most,
                                                    const RecommendRequest& shape) {
  std::vector<RecommendRequest> requests;
  while (!text.empty() && requests.size() < most) {
    const size_t end = text.find('\n');
    std::string_view id = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (id.ends_with('\r')) id.remove_suffix(1);
    if (id.empty()) continue;
    if (id.size() > kIdBytesMax) {
      return fail(Code::kInvalidArgument, "a line of {} bytes is no user's id; at most {}",
                  id.size(), kIdBytesMax);
    }
    requests.push_back(shape);
    requests.back().user = id;
    requests.back().titles = false;
  }
  return requests;
}

void append_quoted(std::string& out, std::string_view text) {
  const bool plain = std::ranges::all_of(
      text, [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (plain) {
    out.append("\"").append(text).append("\"");
  } else {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

// The shortest decimal that reads back as the same float.
void append_number(std::string& out, float value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  out.append(digits.begin(), end);
}

void append_line(std::string& out, const std::string& user, const Slate& slate) {
  out += "{\"user\":";
  append_quoted(out, user);
  out += slate.personalized ? ",\"personalized\":true,\"items\":["
                            : ",\"personalized\":false,\"items\":[";
  std::string_view before = "{\"item\":";
  for (const RecommendedItem& item : slate.items) {
    out += before;
    before = ",{\"item\":";
    append_quoted(out, item.item);
    out += ",\"score\":";
    append_number(out, item.score);
    out += "}";
  }
  out += "]}\n";
}

struct Block {
  std::string lines;
  uint64_t personalized = 0;
  Status done;
};

Block answer(const Recommender& recommender, std::span<const RecommendRequest> requests) {
  Block block;
  const auto slates = recommender.recommend_together(requests);
  for (size_t i = 0; i < slates.size(); ++i) {
    if (!slates[i]) {
      block.done =
          std::unexpected(slates[i].error().within(fmt::format("user '{}'", requests[i].user)));
      return block;
    }
    append_line(block.lines, requests[i].user, *slates[i]);
    block.personalized += slates[i]->personalized ? 1 : 0;
  }
  return block;
}

}  // namespace

Result<BulkCounts> recommend_in_bulk(const BulkJob& job) {
  const MappedFile users = TRY(MappedFile::open(job.users_file));
  PendingFile out = TRY(PendingFile::create(job.out_file));
  Progress progress("Recommending", 0, "users");
  BulkCounts counts;
  for (std::string_view text = users.text(); !text.empty();) {
    const auto requests = TRY(next_requests(text, kTogether * kBlocksAtOnce, job.request));
    std::vector<Block> blocks((requests.size() + kTogether - 1) / kTogether);
    const auto one = [&](size_t number, size_t) {
      const size_t begin = number * kTogether;
      const size_t count = std::min(kTogether, requests.size() - begin);
      blocks[number] = answer(*job.recommender, std::span(requests).subspan(begin, count));
      progress.add(count);
    };
    TRY(job.pool->for_blocks(blocks.size(), one, process_stop_token()));
    for (Block& block : blocks) {
      TRY(std::move(block.done));
      TRY(out.write(block.lines));
      counts.personalized += block.personalized;
    }
    counts.users += requests.size();
  }
  TRY(out.commit());
  return counts;
}

}  // namespace palate
