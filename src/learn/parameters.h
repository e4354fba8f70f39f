// The dense parameters of a network, one after the other in one tensor, and their gradients in
// another: an optimizer, an average, a checkpoint or an all-reduce sees two flat arrays.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace palate {

// How a parameter starts.
struct Initial {
  enum class Kind : uint8_t { kConstant, kNormal, kUniform };
  Kind kind = Kind::kConstant;
  double value = 0;  // the constant, the standard deviation, or the bound
};

class Parameters {
 public:
  // Before seal(). Names are unique.
  void add(const std::string& name, std::vector<int64_t> shape, Initial initial);
  // Lays all of them out and draws their first values, each from (seed, its place).
  void seal(uint64_t seed);

  // The leaf that autograd sees; its gradient is a part of gradients().
  [[nodiscard]] const at::Tensor& operator[](const std::string& name) const;
  [[nodiscard]] const at::Tensor& flat() const { return flat_; }
  [[nodiscard]] const at::Tensor& gradients() const { return gradients_; }
  void zero_gradients();
  // The same numbers in the same memory, with leaves and gradients of its own: for a thread.
  [[nodiscard]] Parameters replica() const;
  // Where each parameter lies in flat(), in order: LAMB looks at them one by one.
  struct Place {
    std::string name;
    std::vector<int64_t> shape;
    Initial initial;
    int64_t begin = 0, size = 0;
  };
  [[nodiscard]] std::span<const Place> places() const { return places_; }

 private:
  void make_leaves();

  std::vector<Place> places_;
  std::map<std::string, at::Tensor> leaves_;
  at::Tensor flat_, gradients_;
};

}  // namespace palate
