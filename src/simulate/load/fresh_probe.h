// How long until what a user did is in his answer: asks for a list, and then, when it is time,
// sends an event about its first item and asks again until the list has changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "simulate/load/requests.h"

namespace palate {

class FreshProbe {
 public:
  // More looks than this that find the item still there: never changed.
  static constexpr int kLooksMax = 100;
  enum class Step { kBaseline, kReady, kEvent, kLook, kChanged, kUnchanged, kFailed };

  // The first request, for a user drawn now. Not part of what is measured.
  void begin(RequestMaker& requests, std::string& out);
  // From kReady: the event. The clock runs from when this was due.
  void act(RequestMaker& requests, std::string& out);
  // Takes an answer. kEvent, kLook and kBaseline: `out` is what to ask next, at once; kReady: wait
  // for the time to act(); the others: the probe is over, begin() again.
  Step answered(int status, std::string_view body, RequestMaker& requests, std::string& out);

 private:
  Step step_ = Step::kBaseline;
  uint32_t user_ = 0;
  std::string item_;
  int looks_ = 0;
};

}  // namespace palate
