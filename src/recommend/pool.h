// The candidates of one request on their way through a pipeline (recommend/pipeline.h): what its
// sources proposed, each item once, best first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "models/model.h"

namespace palate {

struct PoolItem {
  ItemIx item;
  uint32_t sources = 0;  // bit s: the pipeline's s-th stage proposed it
  float retrieval = 0;   // what the sources' orders say together
  float score = 0;       // of the last ranker, or `retrieval`; finite
  bool again = false;    // comes though the user had it
  float propensity = 1;  // of its place, given those before; below 1 where chance has a say
};

// What one source proposes, best first.
struct Proposals {
  uint32_t stage = 0;
  double weight = 1;
  bool again = false;
};

class CandidatePool {
 public:
  void clear();
  // Adds a source's list; only its order counts, since scores of different sources are of different
  // scales. Reciprocal rank fusion: an item gains weight / (60 + its place) from every source
  // (Cormack, Clarke, Buettcher: "Reciprocal rank fusion outperforms Condorcet and individual rank
  // learning methods", SIGIR 2009).
  void propose(std::span<const Scored> list, const Proposals& by);
  // Makes one list of all that was proposed: best `retrieval` first, ties by ascending item.
  void merge();
  // By `score`, ties by ascending item.
  void sort();

  std::vector<PoolItem> items;  // after merge(), in order
  size_t head = 0;              // of them, how many re-rankers let into the head

 private:
  struct Place {
    uint64_t key;
    uint32_t place;
  };
  // Memory for the next request.
  std::vector<uint32_t> table_;
  std::vector<Place> places_, more_places_;
  std::vector<PoolItem> sorted_;
};

// Values of items that are spread over 0 to 1, the least and the greatest; all 0.5 where they are
// equal.
std::vector<float> unit_scores(std::span<const PoolItem> items);

}  // namespace palate
