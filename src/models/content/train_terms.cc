#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "models/content/train.h"
#include "models/words.h"

namespace palate {
namespace {

// Numbers terms in order of appearance, and gathers what each item has.
class Terms {
 public:
  explicit Terms(const ContentConfig& config) : config_(config) {}

  void add(const ItemRecord& record) {
    own_.clear();
    for (const auto& [language, title] : record.titles) {
      for (const std::string& word : words_of(title)) note('w', word, config_.title_weight);
    }
    for (const std::string& tag : record.tags) note('t', lower_text(tag), config_.tag_weight);
    for (const std::string& category : record.categories) {
      note('c', lower_text(category), config_.category_weight);
    }
    note('b', lower_text(record.creator), config_.creator_weight);
    std::ranges::sort(own_);
    const auto again =
        std::ranges::unique(own_, {}, &std::pair<uint32_t, float>::first);  // said once is enough
    own_.erase(again.begin(), again.end());
    by_item_.insert(by_item_.end(), own_.begin(), own_.end());
    start_.push_back(by_item_.size());
  }

  // Items by terms.
  SparseMatrix weighted() {
    std::vector<uint32_t> had(number_.size(), 0);
    for (const auto& [term, weight] : by_item_) ++had[term];
    const auto items = static_cast<double>(start_.size() - 1);
    SparseMatrix out{start_.size() - 1, number_.size(), {0}, {}, {}};
    for (size_t item = 0; item + 1 < start_.size(); ++item) {
      double square = 0;
      const size_t first = out.index.size();
      for (uint64_t i = start_[item]; i < start_[item + 1]; ++i) {
        const auto [term, weight] = by_item_[i];
        if (had[term] < 2 || (had[term] > config_.common_share * items && had[term] > 2)) continue;
        const double rare = std::pow(std::log(items / had[term]), config_.rarity_power);
        out.index.push_back(term);
        out.value.push_back(static_cast<float>(weight * rare));
        square += weight * rare * weight * rare;
      }
      const auto scale = static_cast<float>(square > 0 ? 1 / std::sqrt(square) : 0);
      for (size_t i = first; i < out.value.size(); ++i) out.value[i] *= scale;
      out.start.push_back(out.index.size());
    }
    return out;
  }

 private:
  void note(char kind, const std::string& text, double weight) {
    if (text.empty() || weight <= 0) return;
    const auto number = static_cast<uint32_t>(number_.size());
    own_.emplace_back(number_.try_emplace(kind + text, number).first->second,
                      static_cast<float>(weight));
  }

  const ContentConfig& config_;
  std::unordered_map<std::string, uint32_t> number_;
  std::vector<std::pair<uint32_t, float>> own_, by_item_;
  std::vector<uint64_t> start_{0};
};

}  // namespace

SparseMatrix item_terms(const Catalogue& catalogue, size_t items, const ContentConfig& config) {
  Terms terms(config);
  const auto view = catalogue.view();
  const ItemRecord nothing;
  for (uint32_t item = 0; item < items; ++item) {
    terms.add(item < view.size() ? view.record({item}) : nothing);
  }
  return terms.weighted().transposed();
}

}  // namespace palate
