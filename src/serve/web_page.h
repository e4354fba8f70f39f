// Answers with a file of the dashboard.
#pragma once

#include <string_view>

#include "base/result.h"
#include "serve/embedded.h"
#include "serve/http.h"

namespace palate {

// Whether an Accept-Encoding header takes gzip.
bool accepts_gzip(std::string_view accept_encoding);

// The file that web_files() has by this name, packed where the client takes that, with headers that
// let the page load nothing from anywhere else. Errors: kNotFound.
Result<Response> web_page(std::string_view name, std::string_view accept_encoding);

}  // namespace palate
