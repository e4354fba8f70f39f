#include "serve/title_search.h"

#include <algorithm>
#include <tuple>

namespace palate {
namespace {

constexpr size_t kBlockItems = 4096;  // looked at under one view of the catalogue

// Upper case of two bytes (U+0080 to U+07FF) to lower case of two bytes.
uint32_t lower(uint32_t c) {
  const auto within = [c](uint32_t first, uint32_t last) { return c >= first && c <= last; };
  if (within(0xC0, 0xDE) && c != 0xD7) return c + 32;
  if (within(0x100, 0x137) || within(0x14A, 0x177)) return c | 1;
  if (within(0x139, 0x148) || within(0x179, 0x17E)) return c + (c & 1);
  if (within(0x391, 0x3A9) || within(0x410, 0x42F)) return c + 32;
  if (within(0x400, 0x40F)) return c + 80;
  return c;
}

bool word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<uint8_t>(c) & 0x80) != 0;
}

bool begins_a_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if (at == 0 || !word_byte(text[at - 1])) return true;
  }
  return false;
}

struct Match {
  int quality;
  double popularity;
  ItemIx item;
};
bool better(const Match& a, const Match& b) {
  return std::tuple(-a.quality, -a.popularity, a.item.value) <
         std::tuple(-b.quality, -b.popularity, b.item.value);
}

class Finder {
 public:
  Finder(const LiveState& state, const TitleSearch& search) : state_(state), search_(search) {
    fold_case(search.text, wanted_);
  }

  FoundItems find() {
    FoundItems found;
    while (found.read < TitleSearch::kItemsReadMax) {
      const size_t read = read_block(found.read);
      if (read == 0) break;
      found.read += read;
      keep_best();
    }
    std::ranges::sort(best_, better);
    for (const Match& match : best_) found.items.push_back(match.item);
    return found;
  }

 private:
  size_t read_block(size_t begin) {
    const auto view = state_.catalogue().view();
    const size_t end = std::min(view.size(), begin + kBlockItems);
    for (size_t i = begin; i < end; ++i) {
      const ItemIx item{static_cast<uint32_t>(i)};
      const int quality = quality_of(view, item);
      if (quality > 0) new_.push_back({quality, 0, item});
    }
    return end - begin;
  }

  int quality_of(const Catalogue::View& view, ItemIx item) {
    int quality = match_folded(view.name(item));
    if (!view.described(item)) return quality;
    for (const auto& [language, title] : view.record(item).titles) {
      quality = std::max(quality, match_folded(title));
    }
    return quality;
  }

  int match_folded(std::string_view text) {
    fold_case(text, folded_);
    return match_of(folded_, wanted_);
  }

  void keep_best() {
    std::vector<ItemIx> items;
    for (const Match& match : new_) items.push_back(match.item);
    const auto popularity = state_.item_popularity(items, search_.now);
    for (size_t i = 0; i < new_.size(); ++i) new_[i].popularity = popularity[i];
    best_.insert(best_.end(), new_.begin(), new_.end());
    new_.clear();
    if (best_.size() <= search_.n) return;
    std::ranges::nth_element(best_, best_.begin() + static_cast<ptrdiff_t>(search_.n), better);
    best_.resize(search_.n);
  }

  const LiveState& state_;
  const TitleSearch& search_;
  std::string wanted_, folded_;
  std::vector<Match> new_, best_;
};

}  // namespace

void fold_case(std::string_view text, std::string& out) {
  out.assign(text);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<uint8_t>(out[i]);
    if (byte >= 'A' && byte <= 'Z') out[i] = static_cast<char>(byte + 32);
    if ((byte & 0xE0) != 0xC0 || i + 1 == out.size()) continue;
    const uint32_t c = lower((byte & 0x1Fu) << 6 | (static_cast<uint8_t>(out[i + 1]) & 0x3Fu));
    out[i] = static_cast<char>(0xC0 | c >> 6);
    out[++i] = static_cast<char>(0x80 | (c & 0x3F));
  }
}

int match_of(std::string_view text, std::string_view wanted) {
  if (text == wanted) return 3;
  if (text.starts_with(wanted)) return 2;
  bool any = false;
  for (size_t begin = 0; begin < wanted.size();) {
    const size_t end = std::min(wanted.find(' ', begin), wanted.size());
    const std::string_view word = wanted.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (!begins_a_word(text, word)) return 0;
    any = true;
  }
  return any ? 1 : 0;
}

FoundItems find_items(const LiveState& state, const TitleSearch& search) {
  return Finder(state, search).find();
}

}  // namespace palate
