#include "recommend/steps.h"

#include <array>

#include "recommend/draft.h"

namespace palate {
namespace steps {

Status request(Draft& draft);
Status await(Draft& draft);
Status user(Draft& draft);
Status filter(Draft& draft);
Status candidates(Draft& draft);
Status rank(Draft& draft);
Status present(Draft& draft);

}  // namespace steps

namespace {

constexpr std::array kSteps{
    Step{"request", "Checks the request and reads its cursor.", steps::request},
    Step{"await", "Waits until state has reached `after`.", steps::await},
    Step{"user", "Reads what is known of the user, and whether it may be used.", steps::user},
    Step{kFilterStep, "Marks what may not be returned.", steps::filter},
    Step{"candidates", "Lets the pipeline fill the first places.", steps::candidates},
    Step{kRankStep, "Takes the page from personal list, popularity and catalogue.", steps::rank},
    Step{"present", "Adds names, titles, reasons and the cursor.", steps::present},
};
static_assert(kSteps.size() <= kStepsMax);

}  // namespace

std::span<const Step> request_steps() { return kSteps; }

}  // namespace palate
