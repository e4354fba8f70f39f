#include "serve/json_offset.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace palate {
namespace {

// Takes everything, keeps nothing but the place of the error.
struct OffsetFinder : nlohmann::json_sax<nlohmann::json> {
  size_t offset = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    offset = position;  // counts the byte that is wrong: from 1
    return false;
  }
};

}  // namespace

std::optional<size_t> json_error_offset(std::string_view text) {
  OffsetFinder finder;
  const size_t zero = text.find('\0');  // never JSON, but to the library the end of the text
  const std::string_view before = text.substr(0, zero);
  if (nlohmann::json::sax_parse(before.begin(), before.end(), &finder)) {
    return zero == std::string_view::npos ? std::nullopt : std::optional(zero);
  }
  return std::min(text.size(), std::max<size_t>(finder.offset, 1) - 1);
}

}  // namespace palate
