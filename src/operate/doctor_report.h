// How the parts of the doctor report: internal to operate/doctor*.cc.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "operate/doctor.h"

namespace palate {

// Collects the findings of one area.
class DoctorReport {
 public:
  explicit DoctorReport(std::string area) : area_(std::move(area)) {}

  void good(std::string name, std::string found) {
    add(std::move(name), Health::kGood, std::move(found), {});
  }
  void warn(std::string name, std::string found, std::string advice) {
    add(std::move(name), Health::kWarning, std::move(found), std::move(advice));
  }
  void bad(std::string name, std::string found, std::string advice) {
    add(std::move(name), Health::kBad, std::move(found), std::move(advice));
  }
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }

 private:
  void add(std::string name, Health health, std::string found, std::string advice) {
    findings_.push_back({area_, std::move(name), health, std::move(found), std::move(advice)});
  }

  std::string area_;
  std::vector<Finding> findings_;
};

std::vector<Finding> examine_machine(const DoctorJob& job);
std::vector<Finding> examine_disk(const DoctorJob& job);
std::vector<Finding> examine_settings(const DoctorJob& job);
std::vector<Finding> examine_parts();
std::vector<Finding> examine_data(const DoctorJob& job);

// The directory itself or, before it is made, the nearest one above it that exists.
Path nearest_existing(const Path& path);

}  // namespace palate
