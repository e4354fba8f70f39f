#include "dataset/tower_examples.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace palate {
namespace {

void add_lists(const std::string& name, const IdLists& lists, ArtefactWriter& out) {
  out.add<uint64_t>(name + ".start", {lists.start.size()}, std::span(lists.start));
  out.add<uint32_t>(name + ".ids", {lists.ids.size()}, std::span(lists.ids));
}

bool ascends_to(std::span<const uint64_t> start, uint64_t end) {
  return !start.empty() && start.front() == 0 && start.back() == end &&
         std::ranges::is_sorted(start);
}

// Which ids a list may have.
struct IdRange {
  uint64_t least = 0, end = 0;
};

Result<IdLists> read_lists(const Artefact& artefact, const std::string& name,
                           const IdRange& range) {
  const auto start = TRY(artefact.vector<uint64_t>(name + ".start"));
  const auto ids = TRY(artefact.vector<uint32_t>(name + ".ids"));
  if (!ascends_to(start, ids.size())) {
    return fail(Code::kCorrupt, "{}: {}.start does not ascend from 0 to {} ids",
                artefact.path().string(), name, ids.size());
  }
  const auto wrong =
      std::ranges::find_if(ids, [&](uint32_t id) { return id < range.least || id >= range.end; });
  if (wrong != ids.end()) {
    return fail(Code::kCorrupt, "{}: {}.ids[{}] is {}, not {} to {}", artefact.path().string(),
                name, wrong - ids.begin(), *wrong, range.least, range.end - 1);
  }
  IdLists out;
  out.start.assign(start.begin(), start.end());
  out.ids.assign(ids.begin(), ids.end());
  return out;
}

}  // namespace

void write_tower_examples(const TowerExamples& examples, ArtefactWriter& out) {
  add_lists("liked", examples.liked, out);
  add_lists("profiles", examples.profiles, out);
  add_lists("terms", examples.terms, out);
  add_lists("texts", examples.texts, out);
  out.add<uint64_t>("text_start", {examples.text_start.size()}, std::span(examples.text_start));
  if (examples.vector_width == 0) return;
  out.add<float>("vectors", {examples.items(), examples.vector_width}, std::span(examples.vectors));
}

Result<TowerExamples> read_tower_examples(const Artefact& artefact, const TowerRows& rows) {
  TowerExamples out;
  out.terms = TRY(read_lists(artefact, "terms", {1, rows.terms}));
  out.liked = TRY(read_lists(artefact, "liked", {0, out.items()}));
  out.profiles = TRY(read_lists(artefact, "profiles", {1, rows.profiles}));
  out.texts = TRY(read_lists(artefact, "texts", {1, rows.subwords}));
  const auto text_start = TRY(artefact.vector<uint64_t>("text_start"));
  if (out.profiles.size() != out.users() || text_start.size() != out.items() + 1 ||
      !ascends_to(text_start, out.texts.size())) {
    return fail(Code::kCorrupt, "{}: {} profiles and {} text_start do not fit {} users, {} items",
                artefact.path().string(), out.profiles.size(), text_start.size(), out.users(),
                out.items());
  }
  out.text_start.assign(text_start.begin(), text_start.end());
  const auto vectors = artefact.tensor("vectors", DType::kF32, 2);
  if (!vectors) return out;
  if (vectors->rows() != out.items() || vectors->cols() == 0) {
    return fail(Code::kCorrupt, "{}: vectors {} × {} do not fit {} items", artefact.path().string(),
                vectors->rows(), vectors->cols(), out.items());
  }
  out.vector_width = vectors->cols();
  out.vectors.resize(out.items() * out.vector_width);
  std::memcpy(out.vectors.data(), vectors->bytes.data(), vectors->bytes.size());
  return out;
}

}  // namespace palate
