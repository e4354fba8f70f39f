#include "simulate/load/load.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"

namespace palate {
namespace {

struct Flags {
  LoadOptions load;
  std::string rate = "max";
  bool poisson = false;
};

// "max" or requests per second.
Result<double> read_rate(std::string_view text) {
  if (text == "max") return 0.0;
  double rate = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && rate > 0) return rate;
  return fail(Code::kInvalidArgument,
              "--rate is '{}'; it is requests per second, like 5000, or max.", text);
}

double ms(int64_t ns) { return static_cast<double>(ns) * 1e-6; }

nlohmann::ordered_json to_json(const LatencyHistogram& latency) {
  return {{"mean", latency.mean_ns() * 1e-6},       {"p50", ms(latency.quantile_ns(0.5))},
          {"p90", ms(latency.quantile_ns(0.9))},    {"p99", ms(latency.quantile_ns(0.99))},
          {"p999", ms(latency.quantile_ns(0.999))}, {"max", ms(latency.max_ns())}};
}

nlohmann::ordered_json to_json(const LoadReport& report) {
  nlohmann::ordered_json json{{"seconds", report.seconds},
                              {"rate", static_cast<double>(report.answered()) / report.seconds},
                              {"due", report.due},
                              {"answered", report.answered()},
                              {"refused", report.refused},
                              {"broken", report.broken},
                              {"timed_out", report.timed_out},
                              {"unsent", report.unsent},
                              {"unchanged", report.unchanged},
                              {"first_failure", report.first_failure},
                              {"generator_was_late", report.generator_was_late()},
                              {"generator_late_ms", to_json(report.late)},
                              {"generator_cpu", report.cpu_share}};
  for (const LoadReport::Kind& kind : report.kinds) {
    json["kinds"][kind.name] = {{"answered", kind.answered},
                                {"rate", static_cast<double>(kind.answered) / report.seconds},
                                {"latency_ms", to_json(kind.latency)}};
  }
  return json;
}

void print(const LoadReport& report, const LoadOptions& options) {
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](const std::string& name, double rate, const LatencyHistogram& latency) {
    const auto shown = [](int64_t ns) { return fmt::format("{:.3f}", ms(ns)); };
    rows.push_back({name, human_count(static_cast<uint64_t>(rate)), shown(latency.quantile_ns(0.5)),
                    shown(latency.quantile_ns(0.9)), shown(latency.quantile_ns(0.99)),
                    shown(latency.quantile_ns(0.999)), shown(latency.max_ns())});
  };
  for (const auto& kind : report.kinds) {
    row(kind.name, static_cast<double>(kind.answered) / report.seconds, kind.latency);
  }
  print_table({"requests", "answered/s", "p50 ms", "p90", "p99", "p99.9", "max"}, rows);
  print_line(fmt::format(
      "{} loop, {} connections, {:.1f} s: {} due, {} answered, {} failed; generator: {:.0f} % of a "
      "core",
      options.rate > 0 ? "open" : "closed", options.connections, report.seconds,
      human_count(report.due), human_count(report.answered()), human_count(report.failed()),
      report.cpu_share * 100));
  if (report.failed() > 0) {
    print_line(fmt::format(
        "failed: {} refused, {} broken, {} timed out, {} never sent, {} unchanged; the first: {}",
        report.refused, report.broken, report.timed_out, report.unsent, report.unchanged,
        report.first_failure.empty() ? "-" : report.first_failure));
  }
  if (report.generator_was_late()) {
    print_line(fmt::format(
        "The generator itself was late (p99 {:.3f} ms): the machine is too busy for this rate, and "
        "the latencies are partly its own.",
        ms(report.late.quantile_ns(0.99))));
  }
}

Status load(Context& context, Flags& flags) {
  flags.load.rate = TRY(read_rate(flags.rate));
  if (flags.poisson) flags.load.arrivals = Arrivals::Kind::kPoisson;
  const LoadReport report = TRY(run_load(flags.load, process_stop_token()));
  if (context.json) {
    print_json(to_json(report));
  } else {
    print(report, flags.load);
  }
  return {};
}

void declare_requests(CommandFlags& command, Flags& flags) {
  RequestOptions& requests = flags.load.requests;
  command
      .add("--send", requests.send,
           "What: recommend, events, a path (/healthz), or a mixture (recommend=9,events=1)")
      .show_default();
  command.add("--fresh", flags.load.fresh,
              "Instead: send an event about an item of a user's list, and ask until it is gone");
  command.add("--users", requests.users, "Who asks: the first and the last id").show_default();
  command.add("--items", requests.items, "What events are about").show_default();
  command.add("--zipf", requests.zipf, "How unequally users ask; 0: all alike, 1: very")
      .show_default();
  command.add("--n", requests.n, "Items of a list").show_default();
  command.add("--batch", requests.batch, "Events of one request").show_default();
  command.add("--type", requests.event_type, "Type of the events").show_default();
  command.add("--seed", requests.seed, "One seed draws the same requests").show_default();
}

}  // namespace

Command load_command() {
  return {
      "load", "Put an HTTP server under load and measure its latency",
      "Examples:\n  palate load --rate 5000 --seconds 30     # open loop: as clients come\n"
      "  palate load                              # closed loop: the most it can\n"
      "  palate load --send events --connections 8\n"
      "  palate load --fresh --rate 100           # from an event to the changed list\n"
      "Events sent are stored like any others: use a data directory made for it. docs/load.md",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command.add("url", flags->load.url, "The server").show_default();
        command
            .add("--rate", flags->rate,
                 "Requests a second, whatever the server does (open loop), or max: each "
                 "connection asks again once answered")
            .show_default();
        command.add("--poisson", flags->poisson, "Arrivals at random instead of evenly");
        command.add("--connections", flags->load.connections, "Connections, kept alive")
            .show_default();
        command.add("--seconds", flags->load.seconds, "How long, after the warm-up").show_default();
        command.add("--warmup", flags->load.warmup_s, "Seconds that are not measured")
            .show_default();
        command.add("--timeout", flags->load.timeout_s, "Seconds after which a request failed")
            .show_default();
        declare_requests(command, *flags);
        return std::function<Status(Context&)>(
            [flags](Context& context) { return load(context, *flags); });
      }};
}

}  // namespace palate
