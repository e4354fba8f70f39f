#include "bias/page_scores.h"

#include <span>

namespace palate::bench {
namespace {

// A field "item:linear" reads the column "item".
std::string column_name(const std::string& field) { return field.substr(0, field.find(':')); }

}  // namespace

Result<std::vector<std::vector<float>>> scores_of(const Network& network, const Examples& pages) {
  const NetworkSpec& spec = network.spec();
  std::vector<std::vector<float>> scores(spec.outputs.size(), std::vector<float>(pages.rows()));
  NetworkScratch scratch;
  for (size_t first = 0; first < pages.rows(); first += kPageRows) {
    std::vector<std::vector<uint32_t>> ids(spec.sparse.size());
    std::vector<std::vector<float>> numbers(spec.dense.size());
    std::vector<SparseValues> sparse;
    std::vector<std::span<const float>> dense;
    for (size_t f = 0; f < ids.size(); ++f) {
      const size_t column = column_named(pages.schema().ids, column_name(spec.sparse[f].name));
      for (size_t row = first; row < first + kPageRows; ++row) {
        ids[f].push_back(pages.ids(column, row)[0]);
      }
      sparse.push_back({ids[f], {}});
    }
    for (size_t f = 0; f < numbers.size(); ++f) {
      const size_t column = column_named(pages.schema().numbers, column_name(spec.dense[f].name));
      for (size_t row = first; row < first + kPageRows; ++row) {
        numbers[f].push_back(pages.numbers(column, row)[0]);
      }
      dense.emplace_back(numbers[f]);
    }
    std::vector<std::span<float>> out;
    for (auto& of_output : scores) out.push_back(std::span(of_output).subspan(first, kPageRows));
    TRY(network.score({kPageRows, sparse, dense}, out, scratch));
  }
  return scores;
}

}  // namespace palate::bench
