// The model that comes with Palate, as `spam_model_bench train` (bench/spam) made it
// (docs/spam.md).
#include "base/check.h"
#include "features/trust_model.h"

namespace palate {
namespace {

constexpr std::string_view kModel = R"(palate trust model 1
bias -6.614060419951571 -3.349692248908278
unprompted 3.5116642358787833 0
never_shown 3.147618508414889 0
neither 3.329848875287629 0
one_item -0.28987192684304414 3.4640465169328802
one_unprompted 0.14028394946506498 0
repeats 0.8223510365254344 6.6508886897080695
dislikes 0.964146641050447 5.086379640749216
rate -0.25696162493704106 2.2587317080591762
beat -0.31647279125274214 1.8796518046386688
tastes 0.3636677115297875 0.9762159709254297
age 0.19298341772548505 -5.895500642002433
)";

}  // namespace

const TrustModel& built_in_trust_model() {
  static const TrustModel model = [] {
    const auto parsed = parse_trust_model(kModel);
    PALATE_CHECK(parsed.has_value(), "the model that comes with Palate can be read");
    return *parsed;
  }();
  return model;
}

}  // namespace palate
