#include <string>
#include <vector>

#include "recommend/formula.h"
#include "recommend/pipeline.h"

// A pipeline's stages, one a line, and the same bytes as a formula: taken or refused, nothing else.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> stages;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    stages.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  static palate::Pipelines pipelines;
  (void)pipelines.declare("fuzzed", {{"stages", stages}});
  if (const auto formula = palate::Formula::parse(text)) {
    const std::vector<std::vector<float>> columns(formula->names().size(), {1, -2, 0, 1e30f});
    std::vector<float> out(4);
    formula->evaluate(columns, out);
  }
  return 0;
}
