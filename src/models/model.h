// The scoring side of every model: constant, thread-safe, batch-wise. A model speaks ItemIx of the
// catalogue whose first info().items items it was trained on; later items are unknown to it and
// score kUnknownScore. Training lives in models/<name>/train.cc. models/contract.h is the suite
// that every model passes.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "features/history.h"

namespace palate {

inline constexpr float kUnknownScore = -std::numeric_limits<float>::infinity();

// Who asks. Spans are valid during the call.
struct Query {
  UserId user;                            // all zero: nobody known
  std::span<const HistoryEntry> history;  // ascending by offset; empty for somebody new
  TimeUs now;
  // What the user says of himself; nullptr: nothing, or it may not be used.
  const UserRecord* profile = nullptr;
};

// Whose profile a query may have: nullopt where nothing is known of the user, or he wants no
// personal answers. Called from many threads; nullptr: nobody's.
using ProfileOf = std::function<std::optional<UserRecord>(const UserId&)>;

struct Scored {
  ItemIx item;
  float score = 0;
};

// Which items may not be returned: one bit an item (features/catalogue.h, ItemBitmap), shorter
// means zeros.
struct ItemFilter {
  std::span<const uint64_t> blocked;
  [[nodiscard]] bool blocks(ItemIx item) const {
    const size_t word = item.value / 64;
    return word < blocked.size() && (blocked[word] >> (item.value % 64) & 1) != 0;
  }
};

// What the numbers of score() are, beyond an order.
enum class ScoreMeaning : uint8_t {
  kOrder,        // nothing
  kRating,       // the value of the rating that is expected, to be cut to [score_min, score_max]
  kProbability,  // of liking it
};

struct ModelInfo {
  std::string kind;     // "als"
  std::string version;  // of the artefact
  size_t items = 0;
  size_t dimensions = 0;      // of its vectors, or 0
  bool personalized = false;  // can_answer() depends on who asks
  bool cold_users = false;    // has something to say for a user without a history
  bool cold_items = false;    // knows items that nobody has had
  bool can_similar = false;
  bool can_explain = false;
  ScoreMeaning scores = ScoreMeaning::kOrder;
  float score_min = -std::numeric_limits<float>::infinity();
  float score_max = std::numeric_limits<float>::infinity();
};

struct TopKRequest {
  Query query;
  ItemFilter filter;
  size_t k = 10;
  // Some of the k best may be missing, each for one that is worse, where that is far less work
  // (als.nearly_from). For candidates; never for a list that goes on page by page.
  bool nearly = false;
};

// What is like an item.
struct SimilarTo {
  ItemIx item;
  ItemFilter filter;
  size_t k = 10;
  bool nearly = false;  // as TopKRequest
};

// A contribution of one past event to a score, for "because you watched …". They add up to the
// score where the model is linear in the history (als), else they are shares.
struct Contribution {
  ItemIx because_of;
  float score = 0;
};

// Reusable memory of one thread; a model may keep buffers in it. Not shared between threads.
struct Scratch {
  std::vector<float> floats, more_floats;
  std::vector<uint32_t> indices;
};

class Model {
 public:
  virtual ~Model() = default;
  [[nodiscard]] virtual const ModelInfo& info() const = 0;

  // True when the model has something personal to say for this query (als: a history with known
  // items).
  [[nodiscard]] virtual bool can_answer(const Query& query) const = 0;
  // scores[i] of items[i]; unknown items get kUnknownScore. Sizes are equal.
  virtual void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
                     Scratch& scratch) const = 0;
  // scores[i] of item i for all info().items items, which is scores.size().
  virtual void score_all(const Query& query, std::span<float> scores, Scratch& scratch) const;
  // The same for many: a row of info().items scores a query, to the same bits.
  virtual void score_batch(std::span<const Query> queries, std::span<float> scores,
                           Scratch& scratch) const;
  // The k best items that the filter lets through, best first, ties by ascending item; fewer when
  // fewer are known. Items the model knows nothing of (no training interaction) are left out. One
  // answer a request; a batch is faster than one by one, and gives the same bits.
  virtual std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                                 Scratch& scratch) const = 0;
  // Items like the request's, best first, without itself. One answer a request; a batch is faster
  // than one by one, and gives the same bits. Errors of each: kUnavailable without the capability,
  // kNotFound for unknown.
  virtual std::vector<Result<std::vector<Scored>>> similar_batch(
      std::span<const SimilarTo> requests, Scratch& scratch) const;
  [[nodiscard]] Result<std::vector<Scored>> similar(ItemIx item, size_t k, const ItemFilter& filter,
                                                    Scratch& scratch) const;
  // The strongest `n` reasons in the history for the item's score. Errors: as similar().
  virtual Result<std::vector<Contribution>> explain(const Query& query, ItemIx item, size_t n,
                                                    Scratch& scratch) const;
  // The user's vector, info().dimensions long. Errors: kUnavailable.
  virtual Result<std::vector<float>> user_vector(const Query& query, Scratch& scratch) const;
  // Writes the item's vector, info().dimensions long: its inner product with the user's is the
  // score. False, and nothing written, without the capability or for an unknown item.
  virtual bool item_vector(ItemIx item, std::span<float> out) const;
};

// The request's k best of `scores`, one an item, without those that are `absent` (one bit an item)
// or that its filter blocks; best first, ties by ascending item.
std::vector<Scored> best_of(std::span<const float> scores, std::span<const uint64_t> absent,
                            const TopKRequest& request);

}  // namespace palate
