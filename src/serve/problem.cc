#include "serve/problem.h"

#include <algorithm>
#include <array>

#include "events/json_text.h"

namespace palate {
namespace {

constexpr std::array<HttpFault, 4> kFaults{{
    {405, "method_not_allowed", "/problems/method-not-allowed",
     "This path does not know the method."},
    {413, "too_large", "/problems/too-large", "The request is too large."},
    {415, "unsupported_media_type", "/problems/unsupported-media-type",
     "The body's content type is not understood."},
    {431, "headers_too_large", "/problems/headers-too-large",
     "The request's headers are too large."},
}};

JsonText begin(const HttpFault& fault, std::string_view detail) {
  JsonText json;
  json.open('{');
  json.key("type").string(fault.problem_type);
  json.key("title").string(fault.title);
  json.key("status").number(fault.status);
  json.key("code").string(fault.code);
  json.key("detail").string(detail);
  return json;
}

Response end(int status, JsonText& json) {
  json.close('}');
  Response response{.status = status, .content_type = "application/problem+json"};
  response.body = json.take();
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

HttpFault as_fault(const CodeInfo& info) {
  return {info.http_status, info.name, info.problem_type, info.sentence};
}

HttpFault find_fault(int status) {
  const auto* own = std::ranges::find(kFaults, status, &HttpFault::status);
  if (own != kFaults.end()) return *own;
  for (const Code code : {Code::kInvalidArgument, Code::kNotFound, Code::kOverloaded,
                          Code::kUnavailable, Code::kPermission, Code::kDeadline}) {
    if (code_info(code).http_status == status) return as_fault(code_info(code));
  }
  return as_fault(code_info(Code::kInternal));
}

void write_error(JsonText& json, const FieldError& error) {
  json.open('{');
  if (error.index >= 0) json.key("index").number(error.index);
  if (!error.field.empty()) json.key("field").string(error.field);
  json.key("reason").string(error.reason);
  json.key("message").string(error.message);
  json.close('}');
}

}  // namespace

std::span<const HttpFault> http_faults() { return kFaults; }

void write_errors(JsonText& json, std::span<const FieldError> errors) {
  json.open('[');
  for (const FieldError& error : errors.first(std::min(errors.size(), kFieldErrorsMax))) {
    write_error(json, error);
  }
  json.close(']');
}

Response problem(const Error& error) {
  const HttpFault fault = as_fault(code_info(error.code));
  JsonText json = begin(fault, error.message);
  return end(fault.status, json);
}

Response problem(std::string_view detail, std::span<const FieldError> errors) {
  const HttpFault fault = as_fault(code_info(Code::kInvalidArgument));
  JsonText json = begin(fault, detail);
  json.key("errors");
  write_errors(json, errors);
  return end(fault.status, json);
}

Response problem(int status, std::string_view detail) {
  const HttpFault fault = find_fault(status);
  JsonText json = begin(fault, detail);
  return end(fault.status, json);
}

}  // namespace palate
