#include "learn/parameters.h"

#include <numeric>

#include "base/check.h"
#include "math/philox.h"

namespace palate {

void Parameters::add(const std::string& name, std::vector<int64_t> shape, Initial initial) {
  PALATE_CHECK(!flat_.defined(), "a parameter is added to sealed ones");
  const int64_t size =
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
  const int64_t begin = places_.empty() ? 0 : places_.back().begin + places_.back().size;
  places_.push_back({name, std::move(shape), initial, begin, size});
}

void Parameters::seal(uint64_t seed) {
  const int64_t total = places_.empty() ? 0 : places_.back().begin + places_.back().size;
  flat_ = at::zeros({total});
  gradients_ = at::zeros({total});
  auto* values = flat_.mutable_data_ptr<float>();
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    Philox random(seed, i);
    for (int64_t k = 0; k < place.size; ++k) {
      double value = place.initial.value;
      if (place.initial.kind == Initial::Kind::kNormal) value *= random.normal();
      if (place.initial.kind == Initial::Kind::kUniform) value *= 2 * random.uniform() - 1;
      values[place.begin + k] = static_cast<float>(value);
    }
  }
  make_leaves();
}

void Parameters::make_leaves() {
  for (const Place& place : places_) {
    // detach(): a leaf of its own on the same memory, not a view that would pass its gradient on.
    at::Tensor leaf = flat_.narrow(0, place.begin, place.size).view(place.shape).detach();
    leaf.set_requires_grad(true);
    leaf.mutable_grad() = gradients_.narrow(0, place.begin, place.size).view(place.shape);
    const bool is_new = leaves_.emplace(place.name, std::move(leaf)).second;
    PALATE_CHECK(is_new, "two parameters have one name");
  }
}

const at::Tensor& Parameters::operator[](const std::string& name) const {
  const auto found = leaves_.find(name);
  PALATE_CHECK(found != leaves_.end(), "no such parameter");
  return found->second;
}

Parameters Parameters::replica() const {
  Parameters other;
  other.places_ = places_;
  other.flat_ = flat_;
  other.gradients_ = at::zeros_like(gradients_);
  other.make_leaves();
  return other;
}

void Parameters::zero_gradients() { gradients_.zero_(); }

}  // namespace palate
