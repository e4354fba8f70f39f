#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  for (size_t i = 0; i < in.items.size(); ++i) {
    const bool there = in.items[i].value < in.from.items->size();
    const TimeUs released = there ? in.from.items->record(in.items[i]).released : TimeUs{};
    out.at(i) = released.us == 0
                    ? 0
                    : static_cast<float>(static_cast<double>(in.moment.now.us - released.us) /
                                         static_cast<double>(kDayUs));
  }
}

}  // namespace

Feature item_age_d() {
  return {.spec = {.name = "item_age_d",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "days",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Days since the item was released, where its record says when."},
          .read = read};
}

}  // namespace palate::defined
