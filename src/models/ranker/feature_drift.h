// Whether the numbers that a ranker reads still look as they did where it was trained. One whose
// mean has moved away is set aside: the network gets training's mean in its place (as where a
// number is missing) until it is back or a new release has learnt from it.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace palate {

class FeatureDrift {
 public:
  // In standard deviations of training: a feature is set aside beyond the first, and taken back
  // within the second.
  static constexpr double kAsideBeyond = 4, kBackWithin = 3;
  // Requests that a mean is of: the newest one to two thousand, at least a fifth of a thousand.
  static constexpr uint64_t kWindow = 1000, kRequestsMin = 200;

  struct Feature {
    std::string name;
    float mean = 0;   // in training …
    float scale = 1;  // … and 1 / standard deviation
  };
  // The features of each field of numbers, in order.
  explicit FeatureDrift(std::vector<std::vector<Feature>> fields);

  // Takes note of one request's values of all fields: rows of a field's features, one or one a
  // candidate, of which those of `candidates` count. Training saw what was shown: give those that
  // come first, not all that were looked at. Numbers that are not finite are missing and say
  // nothing. Thread-safe; a sample is enough, so nobody waits.
  void observe(std::span<const std::vector<float>> by_field, std::span<const uint32_t> candidates);

  // Their names, in the order of the features. Thread-safe.
  [[nodiscard]] std::vector<std::string> set_aside() const;
  // Makes what is named not a number in `by_field`, or training's mean; names that are not features
  // are passed over.
  enum class Instead : uint8_t { kMissing, kMean };
  void leave_out(std::span<const std::string> names, std::span<std::vector<float>> by_field,
                 Instead instead = Instead::kMissing) const;

  struct Shift {
    std::string feature;
    double shift = 0;  // of the mean, in standard deviations of training; 0 where little is known
    bool set_aside = false;
  };
  // Of every feature. Thread-safe.
  [[nodiscard]] std::vector<Shift> report() const;

 private:
  struct Sum {
    double sum = 0;
    uint64_t values = 0;
  };
  struct Watched {
    Feature trained;
    Sum now{}, before{};  // standard deviations from training's mean
    double shift = 0;
    bool set_aside = false;
  };
  static void add(float value, Watched& feature);
  // A word to log where it is set aside or taken back, else nothing.
  static std::string judge(Watched& feature);

  std::vector<std::vector<Watched>> fields_;
  uint64_t requests_now_ = 0, requests_before_ = 0;
  mutable std::mutex mutex_;  // of all but what was trained
};

}  // namespace palate
