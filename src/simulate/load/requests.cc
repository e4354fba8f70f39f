#include "simulate/load/requests.h"

#include <charconv>

#include <fmt/format.h>

#include "base/time.h"

namespace palate {
namespace {

constexpr size_t kSharesMax = 8;

void append_number(std::string& out, uint64_t value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

Result<RequestKind> kind_of(std::string_view name, std::string& path) {
  if (name == "recommend") return RequestKind::kRecommend;
  if (name == "events") return RequestKind::kEvents;
  const bool is_path = name.starts_with('/') && name.find_first_of(" \r\n") == name.npos;
  if (!is_path || (!path.empty() && path != name)) {
    return fail(Code::kInvalidArgument,
                "'{}' cannot be sent. There are recommend, events, one path like /healthz, and "
                "mixtures: recommend=9,events=1.",
                name);
  }
  path = name;
  return RequestKind::kPath;
}

// "a=9,b=1", or one name alone.
Result<std::vector<RequestMaker::Share>> read_shares(std::string_view text, std::string& path) {
  std::vector<RequestMaker::Share> shares;
  double sum = 0;
  while (!text.empty() && shares.size() < kSharesMax) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const size_t equals = part.starts_with('/') ? part.npos : part.find('=');
    double weight = 1;
    if (equals != part.npos) {
      const auto digits = part.substr(equals + 1);
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
      if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || !(weight > 0)) {
        return fail(Code::kInvalidArgument, "'{}' has no weight above 0 behind its '='.", part);
      }
    }
    shares.push_back({TRY(kind_of(part.substr(0, equals), path)), sum += weight});
  }
  if (!text.empty() || shares.empty()) {
    return fail(Code::kInvalidArgument, "Name 1 to {} kinds of requests to send.", kSharesMax);
  }
  for (auto& share : shares) share.until /= sum;
  return shares;
}

}  // namespace

std::string_view name_of(RequestKind kind) {
  switch (kind) {
    case RequestKind::kRecommend:
      return "recommend";
    case RequestKind::kEvents:
      return "events";
    case RequestKind::kPath:
      return "path";
  }
  return "";
}

RequestMaker::RequestMaker(const RequestOptions& options, NameRange users, NameRange items)
    : options_(options),
      users_(std::move(users)),
      items_(std::move(items)),
      draw_user_(users_.size(), options.zipf),
      draw_item_(items_.size(), 0),
      ending_(fmt::format(" HTTP/1.1\r\nHost: {}\r\n\r\n", options.host)),
      run_(fmt::format("load-{}-{:x}-", options.seed, now().us)),
      random_(options.seed, 1) {}

Result<RequestMaker> RequestMaker::make(const RequestOptions& options) {
  RequestMaker maker(options, TRY(NameRange::parse(options.users)),
                     TRY(NameRange::parse(options.items)));
  maker.shares_ = TRY(read_shares(options.send, maker.path_));
  return maker;
}

RequestKind RequestMaker::draw_kind() {
  if (shares_.size() == 1) return shares_[0].kind;
  const double u = random_.uniform();
  for (const Share& share : shares_) {
    if (u < share.until) return share.kind;
  }
  return shares_.back().kind;
}

void RequestMaker::write(RequestKind kind, std::string& out) {
  switch (kind) {
    case RequestKind::kRecommend:
      return write_recommend(draw_user(), out);
    case RequestKind::kPath:
      out = "GET ";
      out += path_;
      out += ending_;
      return;
    case RequestKind::kEvents:
      break;
  }
  body_ = R"({"events":[)";
  const int64_t ts_us = now().us;
  for (int64_t i = 0; i < options_.batch; ++i) {
    if (i > 0) body_ += ',';
    item_.clear();
    items_.append(item_, draw_item_(random_));
    append_event(draw_user(), item_, ts_us + i);
  }
  body_ += "]}";
  write_post(out);
}

void RequestMaker::write_recommend(uint32_t user, std::string& out) const {
  out = "GET /v1/recommendations?user=";
  users_.append(out, user);
  out += "&n=";
  append_number(out, static_cast<uint64_t>(options_.n));
  out += ending_;
}

void RequestMaker::write_event(uint32_t user, std::string_view item, std::string& out) {
  body_ = R"({"events":[)";
  append_event(user, item, now().us);
  body_ += "]}";
  write_post(out);
}

void RequestMaker::append_event(uint32_t user, std::string_view item, int64_t ts_us) {
  body_ += R"({"event_id":")";
  body_ += run_;
  append_number(body_, events_++);
  body_ += R"(","type":")";
  body_ += options_.event_type;
  body_ += R"(","user":")";
  users_.append(body_, user);
  body_ += R"(","item":")";
  body_ += item;
  body_ += R"(","ts":)";
  append_number(body_, static_cast<uint64_t>(ts_us));
  body_ += '}';
}

void RequestMaker::write_post(std::string& out) const {
  out = "POST /v1/events HTTP/1.1\r\nHost: ";
  out += options_.host;
  out += "\r\nContent-Type: application/json\r\nContent-Length: ";
  append_number(out, body_.size());
  out += "\r\n\r\n";
  out += body_;
}

}  // namespace palate
