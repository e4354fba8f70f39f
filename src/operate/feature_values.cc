#include "operate/feature_values.h"

#include "features/feature_replay.h"
#include "features/reader.h"

namespace palate {
namespace {

struct Asked {
  const FeatureReader& reader;
  const FeatureQuestion& question;
};

Status read(const Asked& asked, const FeatureSources& from, const UserState* user,
            FeatureAnswer& answer) {
  const auto& [reader, question] = asked;
  std::vector<ItemIx> items;
  for (const std::string& name : question.items) {
    const auto item = from.items->find(name);
    if (!item) return fail(Code::kNotFound, "there is no item '{}'", name);
    items.push_back(*item);
  }
  if (items.empty()) items.emplace_back();  // for the features of the user
  answer.known_user = user != nullptr;
  answer.values.resize(items.size() * reader.size());
  FeatureScratch scratch;
  const FeatureMoment moment{user, question.region, question.now.value_or(now())};
  reader.read({from, moment, items}, answer.values, scratch);
  return {};
}

}  // namespace

Result<FeatureAnswer> read_features(DataDirectory& data, const EventTypes& types,
                                    const FeatureQuestion& question, std::stop_token stop) {
  const LiveState& state = data.state();
  FeatureAnswer answer;
  answer.names =
      question.names.empty() ? FeatureReader::all_names(types, state.features()) : question.names;
  answer.items = question.items;
  const FeatureReader reader = TRY(FeatureReader::make(answer.names, types, state.features()));
  if (!question.as_of) {
    const auto user = TRY(state.user(question.user));
    const Catalogue::View items = state.catalogue().view();
    std::optional<ItemSignals::View> signals;
    if (state.signals() != nullptr) signals.emplace(state.signals()->view());
    answer.as_of = state.as_of();
    TRY(read({reader, question},
             {&types, &items, &state.popularity(), signals ? &*signals : nullptr}, user.get(),
             answer));
    return answer;
  }
  answer.as_of = *question.as_of;
  FeatureReplay replay({&data.log(), &types, &data.hash(), state.limits(), state.features()});
  TRY(replay.run(
      {&answer.as_of, 1},
      [&](size_t, const FeatureReplay::Known& known) {
        return read({reader, question}, known.sources, known.user(question.user), answer);
      },
      stop));
  return answer;
}

}  // namespace palate
