// The records of a JSON text, each as the text that it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

struct JsonElements {
  std::string padded;  // what the views point into
  std::vector<std::string_view> texts;
};

// The elements of an array, without the space around them, up to one more than `elements_max`; an
// object is one element. What is inside of them is not looked at. Errors: kInvalidArgument for
// anything else.
Result<JsonElements> json_elements(std::string_view json, size_t elements_max);

}  // namespace palate
