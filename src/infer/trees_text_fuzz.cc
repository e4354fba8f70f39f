// Whatever the text, reading ends; what is read is scored as the plain twin scores it.
#include <bit>
#include <cstdlib>

#include "infer/plain_trees.h"
#include "infer/trees.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto plain = palate::parse_trees(text);
  const auto trees = palate::Trees::from_text(text);
  if (!plain && trees) std::abort();
  if (!trees) return 0;
  // Numbers near those of the text, and odd ones, out of its own bytes.
  const size_t width = plain->features.size();
  std::vector<float> rows(width * 3);
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint8_t byte = data[i * 7 % size];
    constexpr float kOdd[] = {0, -0.0F, 1e-36F, -1, 3e9F, INFINITY, -INFINITY, NAN};
    rows[i] = byte < 64 ? kOdd[byte % 8] : static_cast<float>(byte) - 128;
  }
  std::vector<double> scores(3);
  palate::TreesScratch scratch;
  if (!(*trees)->sum(rows, scores, scratch)) std::abort();
  for (size_t r = 0; r < 3; ++r) {
    const double expected =
        palate::plain::sum_trees(*plain, std::span(rows).subspan(r * width, width));
    if (std::bit_cast<uint64_t>(expected) != std::bit_cast<uint64_t>(scores[r])) std::abort();
  }
  return 0;
}
