#include "serve/web_page.h"

#include <algorithm>

#include <zlib.h>

#include "base/check.h"

namespace palate {
namespace {

constexpr std::string_view kEntry = "index.html";
constexpr size_t kUnpackedBytesMax = 8 << 20;

// Nothing is loaded from, or sent to, anybody but this server; nobody frames it.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "text/javascript; charset=utf-8";
}

std::string unpacked(std::string_view gzip) {
  std::string out(kUnpackedBytesMax, '\0');
  z_stream stream{};
  PALATE_CHECK(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK, "zlib starts");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  PALATE_CHECK(ended == Z_STREAM_END, "what was built in is whole");
  return out;
}

// Of "gzip;q=0.5": not 0, 0.0 and the like.
bool wanted(std::string_view coding) {
  const size_t weight = coding.find("q=");
  if (weight == coding.npos) return true;
  return coding.substr(weight + 2).find_first_not_of("0. \t") != coding.npos;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    std::string_view coding = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    coding.remove_prefix(std::min(coding.find_first_not_of(" \t"), coding.size()));
    const std::string_view name = coding.substr(0, coding.find_first_of("; \t"));
    if (name == "gzip" || name == "*") return wanted(coding);
  }
  return false;
}

Result<Response> web_page(std::string_view name, std::string_view accept_encoding) {
  const auto files = web_files();
  const auto file = std::ranges::find(files, name, &WebFile::name);
  if (file == files.end()) {
    return fail(Code::kNotFound, "There is no page '/{}'.", name.substr(0, 256));
  }
  Response response{.content_type = type_of(name)};
  response.headers = {
      {"Content-Security-Policy", std::string(kPolicy)},
      {"Referrer-Policy", "no-referrer"},
      {"Vary", "Accept-Encoding"},
      // The names of all other files change with what is in them.
      {"Cache-Control", name == kEntry ? "no-cache" : "public, max-age=31536000, immutable"}};
  const bool packed = accepts_gzip(accept_encoding);
  if (packed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = packed ? std::string(file->gzip) : unpacked(file->gzip);
  return response;
}

}  // namespace palate
