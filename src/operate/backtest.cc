#include "operate/backtest.h"

#include <filesystem>

#include "dataset/user_folds.h"
#include "evaluate/fold_model.h"
#include "evaluate/user_values.h"
#include "operate/evaluation_directory.h"

namespace palate {
namespace {

Result<FileSplit> split_once(const TrainingRoom& room, const BacktestOptions& options,
                             const Dataset& dataset) {
  if (options.test_file) {
    TestFile file = *options.test_file;
    file.types = &room.types;
    file.hash = &room.data.hash();
    return split_by_file(dataset, file, room.pool, room.stop);
  }
  SplitOptions split;
  split.kind = options.split.value_or(default_split(dataset.time()));
  split.test_share = options.test_share;
  split.seed = room.seed;
  return FileSplit{dataset, TRY(make_split(dataset, split))};
}

Result<FileSplit> split_data(const TrainingRoom& room, const BacktestOptions& options,
                             const Dataset& dataset) {
  FileSplit first = TRY(split_once(room, options, dataset));
  if (options.validation_share <= 0) return first;
  constexpr uint64_t kOther = 0x9e3779b97f4a7c15;  // so that it draws other rows than the first did
  SplitOptions again;
  // A file's rows are a random share as a rule.
  again.kind = first.split.kind == SplitKind::kFile ? SplitKind::kHoldOut : first.split.kind;
  again.test_share = options.validation_share;
  again.seed = room.seed ^ kOther;
  Dataset train = first.data.only(*first.split.train);
  Split split = TRY(make_split(train, again));
  return FileSplit{std::move(train), std::move(split)};
}

// What is known of users and items, for breakdowns.
struct KnownGroups {
  std::vector<Groups> users, items;
};

KnownGroups known_groups(DataDirectory& data, const Dataset& dataset) {
  Groups creator{.by = "creator"}, category{.by = "first category"};
  const auto view = data.state().catalogue().view();
  for (uint32_t item = 0; item < std::min(view.size(), dataset.items()); ++item) {
    const ItemRecord& record = view.record({item});
    creator.group_of.push_back(creator.add(record.creator));
    category.group_of.push_back(
        category.add(record.categories.empty() ? "" : record.categories[0]));
  }
  Groups region{.by = "region"}, language{.by = "language"}, age{.by = "age band"};
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    const auto known = data.state().user(dataset.user_id({user}));
    const bool has = known && *known && (*known)->has_profile;
    region.group_of.push_back(region.add(has ? (*known)->profile.region : ""));
    language.group_of.push_back(language.add(has ? (*known)->profile.language : ""));
    age.group_of.push_back(age.add(has ? (*known)->profile.age_band : ""));
  }
  return {{std::move(region), std::move(language), std::move(age)},
          {std::move(creator), std::move(category)}};
}

// What models are trained on and asked. One part, or one a group of users.
struct Parts {
  Dataset data;
  Split asked;
  std::vector<Split> trained;
  Path directory = {};  // where models go
};

Result<Parts> parts_of(const TrainingRoom& room, const BacktestOptions& options,
                       const Dataset& whole) {
  if (options.folds == 0) {
    FileSplit once = TRY(split_data(room, options, whole));
    return Parts{std::move(once.data), once.split, {once.split}, {}};
  }
  if (options.test_file || options.validation_share > 0) {
    return fail(Code::kInvalidArgument,
                "groups of users are drawn from what was imported; they go with neither a file of "
                "test rows nor a validation share");
  }
  SplitOptions split;
  split.kind = options.split.value_or(default_split(whole.time()));
  split.test_share = options.test_share;
  split.seed = room.seed;
  UserFolds folds = TRY(make_user_folds(whole, split, options.folds));
  return Parts{whole, std::move(folds.asked), std::move(folds.groups), {}};
}

// One kind of model, trained on each part.
struct Trained {
  std::unique_ptr<Model> model;
  std::vector<TrainedPart> parts;
};

Result<Trained> train_kind(const TrainingRoom& room, const Parts& parts, const Path& artefact) {
  Trained trained;
  std::vector<std::unique_ptr<Model>> models;
  for (size_t fold = 0; fold < parts.trained.size(); ++fold) {
    const DatasetView train_part(parts.data, parts.trained[fold].train);
    const TrainJob job = train_job(room, train_part);
    const bool one = parts.trained.size() == 1;
    const Path path = one ? artefact : Path(artefact.string() + fmt::format("-group-{}", fold + 1));
    auto made = TRY(train_measured(job, artefact.filename().string(), path));
    models.push_back(std::move(made.model));
    trained.parts.push_back({&parts.trained[fold], made.seen});
  }
  trained.model = models.size() == 1 ? std::move(models[0])
                                     : std::make_unique<FoldModel>(std::move(models), room.seed);
  return trained;
}

Result<std::vector<Trained>> train_kinds(const TrainingRoom& room, const BacktestOptions& options,
                                         const Parts& parts, const Path& directory) {
  std::vector<Trained> models;
  for (const std::string& kind : options.kinds) {
    models.push_back(TRY(train_kind(room, parts, directory / kind)));
  }
  return models;
}

EvaluateJob job_of(const TrainingRoom& room, const Parts& parts, const std::vector<Trained>& models,
                   size_t m) {
  EvaluateJob job;
  job.model = models[m].model.get();
  for (const Trained& trained : models) {  // as the server: who has no history gets what is popular
    if (!trained.model->info().personalized) job.fallback = trained.model.get();
  }
  job.data = &parts.data;
  job.split = &parts.asked;
  if (models[m].parts.size() == 1) {
    job.trained_on = models[m].parts[0].trained_on;
  } else {
    job.parts = models[m].parts;
  }
  job.pool = &room.pool;
  job.stop = room.stop;
  job.profile_of = profiles_of(room);
  return job;
}

// The same once more for each further seed, of which only the means are kept.
Status add_seeds(const TrainingRoom& room, const BacktestOptions& options, const Parts& parts,
                 std::vector<Report>& reports) {
  std::vector<std::vector<Report>> of_kind;
  for (const Report& report : reports) of_kind.push_back({report});
  for (size_t extra = 1; extra < options.seeds; ++extra) {
    const auto scratch =
        TRY(PendingDirectory::create(parts.directory / "other-seed"));  // goes again
    TrainingRoom other = room;
    other.seed = room.seed + extra;
    const auto models = TRY(train_kinds(other, options, parts, scratch.path()));
    for (size_t m = 0; m < models.size(); ++m) {
      EvaluateJob job = job_of(room, parts, models, m);
      job.options = options.evaluate;
      job.options.bootstrap_samples = 2;  // nobody reads these intervals
      of_kind[m].push_back(TRY(evaluate_model(job)));
    }
  }
  for (size_t m = 0; m < reports.size(); ++m) reports[m].seeds = spread_over_seeds(of_kind[m]);
  return {};
}

Result<Comparison> measure(const TrainingRoom& room, const BacktestOptions& options,
                           const Dataset& whole, const Path& directory) {
  Parts parts = TRY(parts_of(room, options, whole));
  parts.directory = directory;
  const auto models = TRY(train_kinds(room, options, parts, directory));
  const KnownGroups groups =
      options.keep ? known_groups(room.data, parts.data) : KnownGroups{};  // trials have no readers
  std::vector<Report> reports;
  for (size_t m = 0; m < models.size(); ++m) {
    EvaluateJob job = job_of(room, parts, models, m);
    job.options = options.evaluate;
    job.user_groups = groups.users;
    job.item_groups = groups.items;
    reports.push_back(TRY(evaluate_model(job)));
    if (options.keep) {
      TRY(save_user_values(reports.back(), parts.data, directory / (options.kinds[m] + ".values")));
    }
  }
  if (options.seeds > 1) TRY(add_seeds(room, options, parts, reports));
  return compare(std::move(reports), room.pool);
}

}  // namespace

Result<BacktestOutcome> backtest(const TrainingRoom& room, const BacktestOptions& options) {
  TRY(check_kinds(options.kinds));
  const Dataset dataset = TRY(build_dataset(room));
  BacktestOutcome outcome;
  outcome.directory = TRY(next_evaluation(room.data.root()));
  auto comparison = measure(room, options, dataset, outcome.directory);
  if (!comparison || !options.keep) {
    std::error_code ignored;  // half an evaluation is of no use to anybody
    std::filesystem::remove_all(outcome.directory, ignored);
    outcome.directory.clear();
  }
  if (!comparison) return std::unexpected(comparison.error());
  outcome.comparison = std::move(*comparison);
  if (!options.keep) return outcome;
  TRY(write_file_atomically(outcome.directory / "report.md", to_markdown(outcome.comparison)));
  TRY(write_file_atomically(outcome.directory / "report.html", to_html(outcome.comparison)));
  TRY(write_file_atomically(outcome.directory / "report.json", to_json(outcome.comparison)));
  return outcome;
}

}  // namespace palate
