// Reports of one or several models on the same split, side by side; Markdown for people, JSON for
// programs (docs/evaluation.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "evaluate/evaluate.h"

namespace palate {

// How much better a model is than the first one, metric by metric, with the interval of the paired
// difference: both are resampled with the same users. An interval without 0 is a difference.
struct Difference {
  std::string kind, version;
  std::vector<MetricValue> metrics;  // without coverage
};

struct Comparison {
  std::vector<Report> reports;
  std::vector<Difference> differences;  // of reports[1..] to reports[0]
};

// Errors: kInvalidArgument when there is no report, or they are of different splits, users or ks.
Result<Comparison> compare(std::vector<Report> reports, ThreadPool& pool);

// What was odd about the file that test rows came from, in one line.
std::string describe(const TestFileFacts& file);
std::string to_markdown(const Comparison& comparison);
std::string to_json(const Comparison& comparison);
// One page that loads nothing else.
std::string to_html(const Comparison& comparison);

}  // namespace palate
