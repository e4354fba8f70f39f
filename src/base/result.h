// Result<T>: what a function returns when input, disk or network can make it fail. Programmer
// errors are not results: see base/check.h. No exception crosses a room.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace palate {

// Order is part of the table in result.cc. docs/formats/errors.md is checked against it.
enum class Code {
  kInvalidArgument,     // the caller's input is wrong; the same call fails again
  kNotFound,            // the named thing does not exist
  kAlreadyExists,       // the named thing exists and would be overwritten
  kConflict,            // somebody else holds or changed it (a second writer, say)
  kCorrupt,             // bytes on disk or wire do not match their checksum or format
  kUnsupportedVersion,  // written by a newer or unknown version
  kIo,                  // the operating system refused a read or write
  kNoSpace,             // disk or quota full
  kBusy,                // try again; the thing is in use
  kOverloaded,          // a queue is full; try again later
  kDeadline,            // time ran out
  kCancelled,           // stopped on request (Ctrl-C, SIGTERM)
  kUnavailable,         // not there yet (no model, not started)
  kPermission,          // not allowed
  kNoMemory,            // it does not fit into the memory that there is
  kInternal,            // a bug of ours
};

// One row of the table that maps a code to what the shell and HTTP clients see.
struct CodeInfo {
  std::string_view name;  // "invalid_argument"
  int exit_code;          // of the palate program
  int http_status;
  std::string_view problem_type;  // RFC 9457 "type", a relative URI: "/problems/invalid-argument"
  std::string_view sentence;
};

const CodeInfo& code_info(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;  // what, where and what to do, in one or two sentences

  // The same error with where it happened in front: "palate.toml:3: unknown key …".
  [[nodiscard]] Error within(std::string_view where) const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format,
                                          Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace palate

// The value of a Result, or a return of its error from the enclosing function:
//   auto file = TRY(File::open(path));
#define TRY(...) PALATE_TRY_NAMED(PALATE_CONCAT(palate_try_, __COUNTER__), __VA_ARGS__)
#define PALATE_TRY_NAMED(name, ...)                    \
  __extension__({                                      \
    auto name = (__VA_ARGS__);                         \
    if (!name) [[unlikely]]                            \
      return std::unexpected(std::move(name).error()); \
    std::move(name).value();                           \
  })
#define PALATE_CONCAT(a, b) PALATE_CONCAT_EXPANDED(a, b)
#define PALATE_CONCAT_EXPANDED(a, b) a##b
