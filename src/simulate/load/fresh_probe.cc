#include "simulate/load/fresh_probe.h"

namespace palate {
namespace {

constexpr std::string_view kItem = R"("item":")";

// Ids that need escapes in JSON are never probed.
std::string_view first_item(std::string_view body) {
  const size_t at = body.find(kItem);
  if (at == body.npos) return "";
  const std::string_view rest = body.substr(at + kItem.size());
  const std::string_view item = rest.substr(0, rest.find('"'));
  return item.find('\\') == item.npos ? item : "";
}

bool lists(std::string_view body, std::string_view item) {
  for (size_t at = body.find(kItem); at != body.npos; at = body.find(kItem, at + 1)) {
    const std::string_view rest = body.substr(at + kItem.size());
    if (rest.starts_with(item) && rest.substr(item.size()).starts_with('"')) return true;
  }
  return false;
}

}  // namespace

void FreshProbe::begin(RequestMaker& requests, std::string& out) {
  step_ = Step::kBaseline;
  looks_ = 0;
  user_ = requests.draw_user();
  requests.write_recommend(user_, out);
}

void FreshProbe::act(RequestMaker& requests, std::string& out) {
  step_ = Step::kEvent;
  requests.write_event(user_, item_, out);
}

FreshProbe::Step FreshProbe::answered(int status, std::string_view body, RequestMaker& requests,
                                      std::string& out) {
  if (status != 200) return step_ = Step::kFailed;
  if (step_ == Step::kBaseline) {
    item_ = first_item(body);
    return step_ = item_.empty() ? Step::kFailed : Step::kReady;
  }
  if (step_ == Step::kLook && !lists(body, item_)) return step_ = Step::kChanged;
  if (++looks_ > kLooksMax) return step_ = Step::kUnchanged;
  requests.write_recommend(user_, out);
  return step_ = Step::kLook;
}

}  // namespace palate
