#include "serve/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include <prometheus/client_metric.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/check.h"

namespace palate {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using Labels = std::map<std::string, std::string>;

constexpr size_t kStatuses = 600;
constexpr std::array kLatencies_s{.0001, .00025, .0005, .001, .0025, .005, .01,
                                  .025,  .05,    .1,    .25,  .5,    1.};
constexpr std::array kStreams{"events", "items", "users"};

// prometheus::Histogram takes a lock at each observation, for which the event loops would meet.
class Latencies {
 public:
  void observe(double seconds) {
    const auto place = std::ranges::lower_bound(kLatencies_s, seconds) - kLatencies_s.begin();
    counts_[static_cast<size_t>(place)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(static_cast<uint64_t>(seconds * 1e9), std::memory_order_relaxed);
  }
  [[nodiscard]] prometheus::ClientMetric::Histogram collect() const {
    prometheus::ClientMetric::Histogram histogram;
    for (size_t i = 0; i < counts_.size(); ++i) {
      histogram.sample_count += counts_[i].load(std::memory_order_relaxed);
      const double bound =
          i < kLatencies_s.size() ? kLatencies_s[i] : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({histogram.sample_count, bound});
    }
    histogram.sample_sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9;
    return histogram;
  }

 private:
  std::array<std::atomic<uint64_t>, kLatencies_s.size() + 1> counts_{};
  std::atomic<uint64_t> sum_ns_ = 0;
};

}  // namespace

struct ServeMetrics::State {
  struct Endpoint {
    Labels labels;
    Latencies latency;
    // One counter a status, made when it is first seen.
    std::array<std::atomic<Counter*>, kStatuses> requests{};
  };
  prometheus::Registry registry;
  std::string tenant;
  prometheus::Family<Counter>* requests = nullptr;
  prometheus::Family<Gauge>* position = nullptr;
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  std::array<Counter*, 3> accepted{}, duplicates{}, refused{};
  Counter *quarantined = nullptr, *personal = nullptr, *impersonal = nullptr;
  Gauge *release = nullptr, *failing = nullptr, *loads = nullptr, *failures = nullptr;
  Gauge *queued = nullptr, *behind = nullptr, *forgetting = nullptr, *items = nullptr,
        *connections = nullptr;

  Labels labelled(Labels labels) const {
    labels.emplace("tenant", tenant);
    return labels;
  }
  Counter* counter(const char* name, const char* help, Labels labels = {}) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
    return &family.Add(labelled(std::move(labels)));
  }
  Gauge* gauge(const char* name, const char* help) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry);
    return &family.Add(labelled({}));
  }
  void add_endpoints(std::span<const std::string_view> names);
  void add_streams();
  void add_gauges();
  [[nodiscard]] prometheus::MetricFamily latencies() const;
  void add_counts(const Gauges& gauges, std::vector<prometheus::MetricFamily>& families) const;
  void add_shifts(const Gauges& gauges, std::vector<prometheus::MetricFamily>& families) const;
};

void ServeMetrics::State::add_endpoints(std::span<const std::string_view> names) {
  requests = &prometheus::BuildCounter()
                  .Name("palate_http_requests_total")
                  .Help("Requests answered, by endpoint and status.")
                  .Register(registry);
  for (const auto name : names) {
    auto endpoint = std::make_unique<Endpoint>();
    endpoint->labels = labelled({{"endpoint", std::string(name)}});
    endpoints.push_back(std::move(endpoint));
  }
}

prometheus::MetricFamily ServeMetrics::State::latencies() const {
  prometheus::MetricFamily family{
      .name = "palate_http_request_seconds",
      .help = "From the whole request read to its answer given, by endpoint.",
      .type = prometheus::MetricType::Histogram,
      .metric = {}};
  for (const auto& endpoint : endpoints) {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : endpoint->labels) metric.label.push_back({name, value});
    metric.histogram = endpoint->latency.collect();
    family.metric.push_back(std::move(metric));
  }
  return family;
}

void ServeMetrics::State::add_shifts(const Gauges& gauges,
                                     std::vector<prometheus::MetricFamily>& families) const {
  if (gauges.models.shifts.empty()) return;
  prometheus::MetricFamily shift{
      .name = "palate_ranker_feature_shift",
      .help = "How far a feature's mean is from training's, in its standard deviations.",
      .type = prometheus::MetricType::Gauge,
      .metric = {}};
  prometheus::MetricFamily aside{
      .name = "palate_ranker_feature_set_aside",
      .help = "1 where the ranker is served without the feature because it has moved too far.",
      .type = prometheus::MetricType::Gauge,
      .metric = {}};
  for (const FeatureDrift::Shift& one : gauges.models.shifts) {
    prometheus::ClientMetric metric;
    for (const auto& [name, text] : labelled({{"feature", one.feature}})) {
      metric.label.push_back({name, text});
    }
    metric.gauge.value = one.shift;
    shift.metric.push_back(metric);
    metric.gauge.value = one.set_aside ? 1 : 0;
    aside.metric.push_back(metric);
  }
  families.push_back(std::move(shift));
  families.push_back(std::move(aside));
}

void ServeMetrics::State::add_counts(const Gauges& gauges,
                                     std::vector<prometheus::MetricFamily>& families) const {
  const auto family = [&](const char* name, const char* help) -> prometheus::MetricFamily& {
    return families.emplace_back(prometheus::MetricFamily{
        .name = name, .help = help, .type = prometheus::MetricType::Counter, .metric = {}});
  };
  const auto add = [&](prometheus::MetricFamily& to, const Labels& labels, double value) {
    prometheus::ClientMetric& metric = to.metric.emplace_back();
    for (const auto& [name, text] : labelled(labels)) metric.label.push_back({name, text});
    metric.counter.value = value;
  };
  families.reserve(families.size() + 7);  // so that the references stay
  auto& calls = family("palate_pipeline_stage_calls_total", "Runs of a pipeline's stage.");
  auto& failed =
      family("palate_pipeline_stage_failures_total", "Runs that failed and were left out.");
  auto& seconds = family("palate_pipeline_stage_seconds_total", "Time in a pipeline's stage.");
  auto& cost =
      family("palate_pipeline_stage_relevance_cost_total",
             "Shares of the head's expected relevance that explore and exposure gave away, "
             "added up over runs.");
  for (const StageReport& stage : gauges.stages) {
    const Labels labels{{"pipeline", std::string(stage.pipeline)},
                        {"stage", std::string(stage.stage)},
                        {"place", std::to_string(stage.place)}};
    add(calls, labels, static_cast<double>(stage.calls));
    add(failed, labels, static_cast<double>(stage.failures));
    add(seconds, labels, static_cast<double>(stage.total_ns) / 1e9);
    if (stage.relevance_cost != 0) add(cost, labels, stage.relevance_cost);
  }
  auto& levels = family("palate_pipeline_answers_total",
                        "First pages, by how much of the pipeline the time was enough for.");
  for (const LevelReport& level : gauges.levels) {
    const Labels labels{{"pipeline", std::string(level.pipeline)},
                        {"level", std::string(level.level)}};
    add(levels, labels, static_cast<double>(level.answers));
  }
  add(family("palate_decisions_total", "Answers that were logged with what led to them."), {},
      static_cast<double>(gauges.decisions.logged));
  add(family("palate_decisions_lost_total", "Those that should have been, and were not."), {},
      static_cast<double>(gauges.decisions.lost));
}

void ServeMetrics::State::add_streams() {
  for (size_t i = 0; i < kStreams.size(); ++i) {
    const Labels labels{{"stream", kStreams[i]}};
    accepted[i] = counter("palate_accepted_total", "Records that were logged.", labels);
    duplicates[i] =
        counter("palate_duplicates_total", "Records that were there already, not logged.", labels);
    refused[i] = counter("palate_refused_total", "Records that failed validation.", labels);
  }
  quarantined = counter("palate_quarantined_total", "Refused events kept in quarantine.");
  personal = counter("palate_slates_total", "Recommendations, by whether they were personal.",
                     {{"personalized", "true"}});
  impersonal = counter("palate_slates_total", "Recommendations, by whether they were personal.",
                       {{"personalized", "false"}});
}

void ServeMetrics::State::add_gauges() {
  release = gauge("palate_release", "Number of the release that answers; 0: none.");
  failing = gauge("palate_release_failing", "1: the registry's release does not load.");
  loads = gauge("palate_release_loads", "Releases loaded since the start.");
  failures = gauge("palate_release_load_failures", "Attempts to load a release that failed.");
  queued = gauge("palate_ingest_queued_events", "Events that wait for the writer.");
  behind = gauge("palate_ingest_behind_messages",
                 "Messages of the stream that is followed and not folded here yet.");
  forgetting = gauge("palate_forget_pending_users",
                     "Users who asked to be forgotten and whose files are not rewritten yet.");
  items = gauge("palate_items", "Items in the catalogue.");
  connections = gauge("palate_http_connections", "Connections that are open.");
  position = &prometheus::BuildGauge()
                  .Name("palate_position")
                  .Help("Up to where a stream is folded into the live state.")
                  .Register(registry);
}

ServeMetrics::ServeMetrics(std::span<const std::string_view> endpoints, const Tenant& tenant)
    : state_(std::make_unique<State>()) {
  state_->tenant = tenant.name;
  state_->add_endpoints(endpoints);
  state_->add_streams();
  state_->add_gauges();
}

ServeMetrics::~ServeMetrics() = default;

void ServeMetrics::answered(size_t endpoint, int status, double latency_s) {
  PALATE_CHECK(status >= 100 && static_cast<size_t>(status) < kStatuses, "an HTTP status");
  State::Endpoint& counts = *state_->endpoints[endpoint];
  Counter* counter = counts.requests[static_cast<size_t>(status)];
  if (counter == nullptr) {
    Labels labels = counts.labels;
    labels.emplace("status", std::to_string(status));
    counter = &state_->requests->Add(labels);  // the same one for the same labels
    counts.requests[static_cast<size_t>(status)] = counter;
  }
  counter->Increment();
  counts.latency.observe(latency_s);
}

void ServeMetrics::wrote(Stream stream, uint64_t accepted, uint64_t duplicates) {
  state_->accepted[static_cast<size_t>(stream)]->Increment(static_cast<double>(accepted));
  state_->duplicates[static_cast<size_t>(stream)]->Increment(static_cast<double>(duplicates));
}

void ServeMetrics::refused(Stream stream, uint64_t records) {
  state_->refused[static_cast<size_t>(stream)]->Increment(static_cast<double>(records));
}

void ServeMetrics::quarantined(uint64_t records) {
  state_->quarantined->Increment(static_cast<double>(records));
}

void ServeMetrics::recommended(bool personalized) {
  (personalized ? state_->personal : state_->impersonal)->Increment();
}

std::string ServeMetrics::text(const Gauges& gauges) {
  const LiveModels::Report& models = gauges.models;
  state_->release->Set(static_cast<double>(models.release));
  state_->failing->Set(models.failure.empty() ? 0 : 1);
  state_->loads->Set(static_cast<double>(models.loads));
  state_->failures->Set(static_cast<double>(models.failures));
  state_->queued->Set(static_cast<double>(gauges.queued_events));
  state_->behind->Set(static_cast<double>(gauges.behind));
  state_->forgetting->Set(static_cast<double>(gauges.forgetting));
  state_->items->Set(static_cast<double>(gauges.items));
  state_->connections->Set(static_cast<double>(gauges.connections));
  for (const Position& position : gauges.as_of) {
    const Labels labels{{"stream", kStreams[static_cast<size_t>(position.stream)]},
                        {"partition", std::to_string(position.partition)}};
    state_->position->Add(state_->labelled(labels)).Set(static_cast<double>(position.offset));
  }
  auto families = state_->registry.Collect();
  families.push_back(state_->latencies());
  state_->add_counts(gauges, families);
  state_->add_shifts(gauges, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace palate
