// Files built into the program (CMakeLists.txt turns each into an array).
#pragma once

#include <string_view>

namespace palate {

std::string_view openapi_document();  // serve/openapi.json

}  // namespace palate
