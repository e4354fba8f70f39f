// The requests of a load: HTTP text for one seed, made in the order in which they are sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "math/philox.h"
#include "simulate/load/name_range.h"

namespace palate {

enum class RequestKind : uint8_t { kRecommend, kEvents, kPath };
std::string_view name_of(RequestKind kind);

struct RequestOptions {
  // "recommend", "events", a path like "/healthz", or several with weights:
  // "recommend=9,events=1".
  std::string send = "recommend";
  std::string users = "u00001..u05000";
  std::string items = "i00001..i02000";
  double zipf = 0;      // exponent of how unequally users ask; 0: all alike
  int64_t n = 10;       // items of a list
  int64_t batch = 100;  // events of one request
  std::string event_type = "click";
  uint64_t seed = 1;
  std::string host = "127.0.0.1";  // the Host header
};

class RequestMaker {
 public:
  // Errors: kInvalidArgument for a mixture or range that is none, with what would be.
  static Result<RequestMaker> make(const RequestOptions& options);

  // Which kind comes next. Its requests are made with append() or, by hand, the two below.
  RequestKind draw_kind();
  // Replaces `out` by a whole request.
  void write(RequestKind kind, std::string& out);

  // For a probe of freshness.
  uint32_t draw_user() { return draw_user_(random_); }
  void write_recommend(uint32_t user, std::string& out) const;
  void write_event(uint32_t user, std::string_view item, std::string& out);

  struct Share {
    RequestKind kind;
    double until = 0;  // cumulative, the last is 1
  };
  [[nodiscard]] const std::vector<Share>& shares() const { return shares_; }

 private:
  RequestMaker(const RequestOptions& options, NameRange users, NameRange items);
  void append_event(uint32_t user, std::string_view item, int64_t ts_us);
  void write_post(std::string& out) const;

  RequestOptions options_;
  NameRange users_, items_;
  ZipfDraw draw_user_, draw_item_;
  std::vector<Share> shares_;
  std::string path_;
  std::string ending_;  // of a GET's head
  std::string run_;     // part of each event's id, so that two runs never send the same event
  uint64_t events_ = 0;
  Philox random_;
  std::string body_, item_;
};

}  // namespace palate
