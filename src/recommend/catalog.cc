#include "recommend/catalog.h"

#include <array>

#include "recommend/draft.h"

namespace palate {
namespace stages {

Status request(Draft& draft);
Status await(Draft& draft);
Status user(Draft& draft);
Status filter(Draft& draft);
Status rank(Draft& draft);
Status present(Draft& draft);

}  // namespace stages

namespace {

constexpr std::array kStages{
    Stage{"request", "Checks the request and reads its cursor.", stages::request},
    Stage{"await", "Waits until state has reached `after`.", stages::await},
    Stage{"user", "Reads what is known of the user, and whether it may be used.", stages::user},
    Stage{"filter", "Marks what may not be returned.", stages::filter},
    Stage{kRankStage, "Takes the page from personal list, popularity and catalogue.", stages::rank},
    Stage{"present", "Adds names, titles, reasons and the cursor.", stages::present},
};
static_assert(kStages.size() <= kStagesMax);

}  // namespace

std::span<const Stage> stage_catalogue() { return kStages; }

}  // namespace palate
