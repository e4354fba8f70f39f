// Files built into the program (CMakeLists.txt turns each into an array).
#pragma once

#include <span>
#include <string_view>

namespace palate {

std::string_view openapi_document();  // serve/openapi.json

// The dashboard as web/ was built when this program was: none where it was not.
struct WebFile {
  std::string_view name;  // "index.html", "assets/index-B2x9.js"
  std::string_view gzip;
};
std::span<const WebFile> web_files();

}  // namespace palate
