#include "dataset/ranking_examples.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "dataset/example_vocabulary.h"
#include "dataset/examples.h"
#include "events/block.h"
#include "math/mix.h"

namespace palate {
namespace {

constexpr uint32_t kPlacesMax = 100;  // of a slate that are told apart

uint64_t end_of(const AsOf& ends, Stream stream) {
  const auto found = std::ranges::find_if(
      ends, [&](const Position& end) { return end.stream == stream && end.partition == 0; });
  return found == ends.end() ? 0 : found->offset;
}

// Rows of one part of the examples on their way into shards.
class Part {
 public:
  Part(ExampleSchema schema, Path directory, std::string name, int64_t shard_rows)
      : schema_(std::move(schema)),
        directory_(std::move(directory)),
        name_(std::move(name)),
        shard_rows_(static_cast<size_t>(shard_rows)) {
    begin();
  }

  struct Row {
    const RankingFields::Values& values;
    const std::vector<RankingFields::IdField>& id_fields;
    const std::vector<RankingFields::NumberField>& number_fields;
    size_t candidate = 0;
    uint32_t slate = 0, place = 0;  // place from 1; 0: not said
    std::span<const float> labels;
    float weight = 1;
  };
  Status add(const Row& row) {
    for (size_t f = 0; f < row.id_fields.size(); ++f) {
      const size_t at = row.id_fields[f].of_request ? 0 : row.candidate;
      const auto& ids = row.values.ids[f];
      if (!row.id_fields[f].many) {
        columns_.ids[f].values.push_back(ids[at]);
        continue;
      }
      const auto& starts = row.values.starts[f];
      columns_.ids[f].values.insert(columns_.ids[f].values.end(), ids.begin() + starts[at],
                                    ids.begin() + starts[at + 1]);
      columns_.ids[f].start.push_back(columns_.ids[f].values.size());
    }
    size_t f = row.id_fields.size();
    columns_.ids[f++].values.push_back(row.slate + 1);
    if (f < columns_.ids.size()) columns_.ids[f].values.push_back(row.place);
    for (size_t n = 0; n < row.number_fields.size(); ++n) {
      const size_t width = row.number_fields[n].width;
      const size_t at = row.number_fields[n].of_request ? 0 : row.candidate;
      const auto first = row.values.numbers[n].begin() + static_cast<ptrdiff_t>(at * width);
      columns_.numbers[n].insert(columns_.numbers[n].end(), first,
                                 first + static_cast<ptrdiff_t>(width));
    }
    for (size_t o = 0; o < row.labels.size(); ++o) columns_.labels[o].push_back(row.labels[o]);
    columns_.weights.push_back(row.weight);
    ++rows_;
    return columns_.weights.size() < shard_rows_ ? Status{} : finish_shard();
  }

  Status finish_shard() {
    if (columns_.weights.empty()) return {};
    const Examples shard = TRY(Examples::from_columns(schema_, std::move(columns_)));
    begin();
    Path path = directory_ / fmt::format("{}-{:05}", name_, shards_.size());
    TRY(shard.save(path));
    shards_.push_back(std::move(path));
    return {};
  }
  [[nodiscard]] const std::vector<Path>& shards() const { return shards_; }
  [[nodiscard]] size_t rows() const { return rows_; }

 private:
  void begin() {
    columns_ = {};
    columns_.ids.resize(schema_.ids.size());
    for (size_t f = 0; f < schema_.ids.size(); ++f) {
      if (schema_.ids[f].many) columns_.ids[f].start.push_back(0);
    }
    columns_.numbers.resize(schema_.numbers.size());
    columns_.labels.resize(schema_.labels.size());
  }

  ExampleSchema schema_;
  Path directory_;
  std::string name_;
  size_t shard_rows_, rows_ = 0;
  ExampleColumns columns_;
  std::vector<Path> shards_;
};

class Maker {
 public:
  Maker(const RankingExamplesJob& job, std::vector<Objective> objectives)
      : job_(job), objectives_(std::move(objectives)) {}

  Result<RankingExamples> run(const std::stop_token& stop) {
    const ImpressionSource source{job_.replay.log, job_.replay.types, job_.catalogue};
    shown_ = TRY(read_impressions(source, objectives_, job_.config.sampled_negatives > 0, stop));
    if (shown_.rows.empty()) return nothing_shown();
    TRY(prepare());
    made_.corrections =
        TRY(correct_impressions(shown_, held_out_from_, objectives_.size(), job_.config));
    weights_ = std::move(made_.corrections.weights);
    TRY(read_features(stop));
    TRY(training_->finish_shard());
    TRY(held_out_->finish_shard());
    return finish();
  }

 private:
  std::unexpected<Error> nothing_shown() const {
    return fail(Code::kUnavailable,
                "there are no examples: the log has no impressions of items that are known ({} "
                "outcomes answer none). Log what is shown, or set examples.sampled_negatives",
                shown_.unanswering);
  }

  Status prepare() {
    const FeatureReplay::Parts& replay = job_.replay;
    ends_ = TRY(replay.log->ends());
    split_at(job_.config.held_out);
    {
      const Catalogue::View items = job_.catalogue->view();
      ExampleIds ids = count_ids(shown_, held_out_from_, items);
      TRY(count_profiles(shown_, held_out_from_, *job_.replay.log, ids));
      const Admission admission = TRY(admission_of(job_.config, held_out_from_));
      made_.fields.vocabulary = vocabulary_of(ids, items, admission);
      if (job_.choices) made_.choices = field_choices(ids, items, admission);
    }
    made_.fields.history = static_cast<size_t>(job_.config.history);
    made_.fields.features = job_.config.features;
    if (made_.fields.features.empty()) {
      made_.fields.features = FeatureReader::all_names(*replay.types, replay.features);
    }
    fields_.emplace(TRY(RankingFields::make(made_.fields, *replay.types, replay.features)));
    id_fields_ = fields_->ids();
    number_fields_ = fields_->numbers();
    made_.positives.resize(objectives_.size());
    const ExampleSchema schema = this->schema();
    training_.emplace(schema, job_.out, "training", job_.config.shard_rows);
    held_out_.emplace(schema, job_.out, "held-out", INT64_MAX);
    return {};
  }

  [[nodiscard]] ExampleSchema schema() const {
    ExampleSchema schema;
    for (const auto& field : id_fields_) {
      schema.ids.push_back({field.name, field.rows, field.many, field.of_request, field.sum});
    }
    schema.ids.push_back({"_slate", static_cast<uint32_t>(shown_.slates.size()) + 1, false, true});
    // While serving it is the same for all candidates.
    if (job_.config.position == "feature") {
      schema.ids.push_back({"position", kPlacesMax + 1, false, true});
    }
    for (const auto& field : number_fields_) {
      schema.numbers.push_back({std::string(field.name), field.width, field.of_request});
    }
    for (const Objective& objective : objectives_) schema.labels.push_back(objective.name);
    return schema;
  }

  // From when on slates are held out: so that the newest `share` of the impressions are.
  void split_at(double share) {
    std::vector<std::pair<int64_t, uint32_t>> by_time;
    for (const auto& slate : shown_.slates) by_time.emplace_back(slate.ts.us, slate.rows);
    std::ranges::sort(by_time);
    const double wanted = share * static_cast<double>(shown_.rows.size());
    double held = 0;
    for (auto slate = by_time.rbegin(); slate != by_time.rend() && held < wanted; ++slate) {
      held += slate->second;
      held_out_from_ = {slate->first};
    }
    for (const Objective& one : objectives_) window_ = std::max(window_, one.window_us);
  }

  Status read_features(const std::stop_token& stop) {
    const std::vector<AsOf> moments = TRY(this->moments());
    FeatureReplay replay(job_.replay);
    return replay.run(
        moments,
        [&](size_t slate, const FeatureReplay::Known& known) { return visit(slate, known); }, stop);
  }

  // When each item was first in the item log: what is shown is known by then.
  Result<std::vector<AsOf>> moments() const {
    std::vector<uint64_t> there(job_.catalogue->view().size(), 0);
    {
      const Catalogue::View items = job_.catalogue->view();
      TRY(job_.replay.log->read({Stream::kItems, 0, 0},
                                [&](const EventLog::Block& block) -> Status {
                                  uint64_t offset = block.first.offset;
                                  for (const ItemRecord& record : TRY(decode_items(block.bytes))) {
                                    ++offset;
                                    const auto item = items.find(record.id);
                                    if (item && there[item->value] == 0)
                                      there[item->value] = offset;
                                  }
                                  return {};
                                }));
    }
    const uint64_t users = end_of(ends_, Stream::kUsers);
    std::vector<AsOf> moments;
    size_t row = 0;
    uint64_t items = 0;
    for (const Impressions::Slate& slate : shown_.slates) {
      for (uint32_t i = 0; i < slate.rows; ++i) {
        items = std::max(items, there[shown_.rows[row++].item.value]);
      }
      moments.push_back({{Stream::kEvents, 0, slate.offset},
                         {Stream::kItems, 0, items},
                         {Stream::kUsers, 0, users}});
    }
    return moments;
  }

  Status visit(size_t index, const FeatureReplay::Known& known) {
    const Impressions::Slate& slate = shown_.slates[index];
    const std::span<const Impressions::Row> rows(shown_.rows.data() + next_row_, slate.rows);
    items_.clear();
    for (const auto& row : rows) items_.push_back(row.item);
    const bool alone = job_.config.sampled_negatives > 0 && rows.size() == 1 && rows[0].slot < 0;
    if (alone) sample(index, *known.sources.items);
    const UserState* user = known.user(shown_.users[slate.user]);
    if (user != nullptr && user->has_profile && !user->profile.personalization) user = nullptr;
    const FeatureMoment moment{user, {}, slate.ts};
    fields_->read({known.sources, moment, items_}, values_, scratch_);
    const std::vector<float>& none = no_outcome_;
    for (size_t i = 0; i < items_.size(); ++i) {
      const bool real = i < rows.size();
      const std::span<const float> labels =
          real ? std::span<const float>(shown_.labels)
                     .subspan((next_row_ + i) * none.size(), none.size())
               : std::span<const float>(none);
      const int32_t slot = real ? rows[i].slot : -1;
      const float weight = real && !weights_.empty() ? weights_[next_row_ + i] : 1;
      TRY(add(index, i, slot, {labels, weight}));
    }
    next_row_ += rows.size();
    return {};
  }

  // Items that might have been shown; any with the same probability.
  void sample(size_t slate, const Catalogue::View& items) {
    uint64_t state = mix64(job_.seed + kGolden64 * (slate + 1));
    for (int n = 0; n < job_.config.sampled_negatives; ++n) {
      state = mix64(state + kGolden64);
      const ItemIx item{static_cast<uint32_t>(state % items.size())};
      if (item != items_.front()) items_.push_back(item);
    }
  }

  struct Learnt {
    std::span<const float> labels;
    float weight;
  };
  Status add(size_t slate, size_t candidate, int32_t slot, const Learnt& learnt) {
    const auto& [labels, corrected] = learnt;
    const bool held_out = shown_.slates[slate].ts >= held_out_from_;
    if (std::ranges::all_of(labels, [](float label) { return std::isnan(label); })) {
      ++made_.unfinished;
      return {};
    }
    if (!held_out && shown_.slates[slate].ts.us + window_ >= held_out_from_.us) {
      ++made_.between;
      return {};
    }
    if (!held_out && !replays(slate, candidate)) return {};
    float weight = corrected;
    const bool negative = std::ranges::none_of(labels, [](float label) { return label > 0; });
    if (!held_out && negative && job_.config.negatives < 1) {
      // Of the same slate and place always the same, whatever else is there.
      const uint64_t draw = mix64(job_.seed + kGolden64 * (slate * 4096 + candidate + 1));
      if (static_cast<double>(draw >> 11) * 0x1p-53 >= job_.config.negatives) {
        ++made_.dropped;
        return {};
      }
      weight *= static_cast<float>(1 / job_.config.negatives);
    }
    const uint32_t place = slot < 0 ? 0 : std::min(static_cast<uint32_t>(slot) + 1, kPlacesMax);
    if (!held_out) {
      made_.trained_until = std::max(made_.trained_until, shown_.slates[slate].ts);
      for (size_t o = 0; o < labels.size(); ++o) made_.positives[o] += labels[o] > 0 ? 1 : 0;
    }
    return (held_out ? *held_out_ : *training_)
        .add({values_, id_fields_, number_fields_, candidate, static_cast<uint32_t>(slate), place,
              labels, weight});
  }

  // Whether it is new, or among those that are learnt again.
  bool replays(size_t slate, size_t candidate) {
    if (!job_.before || shown_.slates[slate].ts > job_.before->until) return true;
    constexpr uint64_t kOther = 0x7265706c6179;  // than of negatives
    const auto until = static_cast<uint64_t>(job_.before->until.us);
    const uint64_t draw =
        mix64(mix64(job_.seed ^ kOther ^ until) + kGolden64 * (slate * 4096 + candidate + 1));
    const bool again = static_cast<double>(draw >> 11) * 0x1p-53 < job_.before->replay;
    ++(again ? made_.replayed : made_.left_out);
    return again;
  }

  Result<RankingExamples> finish() {
    made_.training = training_->shards();
    made_.training_rows = training_->rows();
    made_.held_out_rows = held_out_->rows();
    made_.slates = shown_.slates.size();
    made_.impressions = shown_.rows.size();
    made_.unknown_items = shown_.unknown_items;
    made_.unanswering = shown_.unanswering;
    for (const Objective& one : objectives_) made_.objectives.push_back(one.name);
    if (made_.training_rows == 0 || made_.held_out_rows == 0) {
      return fail(
          Code::kUnavailable,
          "of {} impressions, {} are left to train on and {} are held out: {} wait for their "
          "window to end, {} lie before the held-out part with a window that reaches into "
          "it. Shorten the windows of examples.objectives, or log for longer",
          made_.impressions, made_.training_rows, made_.held_out_rows, made_.unfinished,
          made_.between);
    }
    made_.held_out = held_out_->shards().front();
    for (size_t o = 0; o < objectives_.size(); ++o) {
      if (made_.positives[o] > 0) continue;
      return fail(Code::kUnavailable,
                  "no impression was followed by '{}' within its window: there is nothing to learn "
                  "of it ({} outcomes answer no impression)",
                  objectives_[o].name, made_.unanswering);
    }
    return std::move(made_);
  }

  const RankingExamplesJob& job_;
  std::vector<Objective> objectives_;
  Impressions shown_;
  AsOf ends_;
  RankingExamples made_;
  std::optional<RankingFields> fields_;
  std::vector<RankingFields::IdField> id_fields_;
  std::vector<RankingFields::NumberField> number_fields_;
  std::optional<Part> training_, held_out_;
  TimeUs held_out_from_;
  int64_t window_ = 0;
  size_t next_row_ = 0;
  std::vector<float> no_outcome_ = std::vector<float>(objectives_.size(), 0);
  std::vector<float> weights_;  // of rows; empty: 1 each
  std::vector<ItemIx> items_;
  RankingFields::Values values_;
  RankingFields::Scratch scratch_;
};

}  // namespace

Result<RankingExamples> make_ranking_examples(const RankingExamplesJob& job,
                                              const std::stop_token& stop) {
  return Maker(job, TRY(parse_objectives(job.config.objectives, *job.replay.types))).run(stop);
}

}  // namespace palate
