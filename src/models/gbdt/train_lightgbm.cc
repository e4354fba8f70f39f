#include "models/gbdt/train_lightgbm.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace palate {

// Handles are opaque; a status other than 0 is a failure that LGBM_GetLastError() names.
struct LightGbm::Functions {
  using Handle = void*;
  const char* (*last_error)();
  int (*data_create)(const void* values, int type, int32_t rows, int32_t columns, int row_major,
                     const char* parameters, Handle like, Handle* out);
  int (*data_set)(Handle data, const char* field, const void* values, int count, int type);
  int (*data_free)(Handle data);
  int (*model_create)(Handle data, const char* parameters, Handle* out);
  int (*model_watch)(Handle model, Handle data);
  int (*model_update)(Handle model, int* finished);
  int (*model_metrics)(Handle model, int data, int* count, double* out);
  int (*model_metric_count)(Handle model, int* count);
  int (*model_text)(Handle model, int first, int rounds, int importance, int64_t size,
                    int64_t* needed, char* out);
  int (*model_free)(Handle model);
};

namespace {
constexpr int kFloat32 = 0, kInt32 = 2;  // C_API_DTYPE_*
}

struct LightGbm::Data {
  ~Data() { free(handle); }
  void* handle = nullptr;
  int (*free)(void*) = nullptr;
};

struct LightGbm::Model {
  ~Model() { free(handle); }
  void* handle = nullptr;
  int (*free)(void*) = nullptr;
};

LightGbm::LightGbm() : functions_(std::make_unique<Functions>()) {}

// The library stays: its threads do not like to be unloaded.
LightGbm::~LightGbm() = default;

Result<std::shared_ptr<const LightGbm>> LightGbm::load(const std::string& path) {
  constexpr const char* kAdvice = "`./dev deps train` installs it; or name it with trees.library";
  if (path.empty()) {
    return fail(Code::kUnavailable, "LightGBM was not there when this was built: {}", kAdvice);
  }
  std::shared_ptr<LightGbm> out(new LightGbm);
  out->library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (out->library_ == nullptr) {
    return fail(Code::kUnavailable, "LightGBM cannot be loaded: {}. {}", dlerror(), kAdvice);
  }
  std::string missing;
  const auto find = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(out->library_, name));
    if (function == nullptr) missing = name;
  };
  Functions& api = *out->functions_;
  find(api.last_error, "LGBM_GetLastError");
  find(api.data_create, "LGBM_DatasetCreateFromMat");
  find(api.data_set, "LGBM_DatasetSetField");
  find(api.data_free, "LGBM_DatasetFree");
  find(api.model_create, "LGBM_BoosterCreate");
  find(api.model_watch, "LGBM_BoosterAddValidData");
  find(api.model_update, "LGBM_BoosterUpdateOneIter");
  find(api.model_metrics, "LGBM_BoosterGetEval");
  find(api.model_metric_count, "LGBM_BoosterGetEvalCounts");
  find(api.model_text, "LGBM_BoosterSaveModelToString");
  find(api.model_free, "LGBM_BoosterFree");
  if (missing.empty()) return out;
  return fail(Code::kUnavailable, "{} has no {}: it is not LightGBM 4. {}", path, missing, kAdvice);
}

Status LightGbm::check(int status) const {
  if (status == 0) return {};
  return fail(Code::kInvalidArgument, "LightGBM: {}", functions_->last_error());
}

Result<std::shared_ptr<const LightGbm::Data>> LightGbm::data(const TreeTable& table,
                                                             const std::string& parameters,
                                                             std::span<const size_t> categories,
                                                             const Data* like) const {
  auto data = std::make_shared<Data>();
  data->free = functions_->data_free;
  const std::string all =
      fmt::format("{} categorical_feature={}", parameters, fmt::join(categories, ","));
  TRY(check(functions_->data_create(table.values.data(), kFloat32, static_cast<int32_t>(table.rows),
                                    static_cast<int32_t>(table.width), 1, all.c_str(),
                                    like == nullptr ? nullptr : like->handle, &data->handle)));
  const auto set = [&](const char* field, const auto& values, int type) {
    if (values.empty()) return Status{};
    return check(functions_->data_set(data->handle, field, values.data(),
                                      static_cast<int>(values.size()), type));
  };
  TRY(set("label", table.labels, kFloat32));
  TRY(set("weight", table.weights, kFloat32));
  TRY(set("group", table.groups, kInt32));
  return data;
}

Result<std::shared_ptr<LightGbm::Model>> LightGbm::model(const Data& training, const Data& held_out,
                                                         const std::string& parameters) const {
  auto model = std::make_shared<Model>();
  model->free = functions_->model_free;
  TRY(check(functions_->model_create(training.handle, parameters.c_str(), &model->handle)));
  TRY(check(functions_->model_watch(model->handle, held_out.handle)));
  return model;
}

Result<bool> LightGbm::update(Model& model) const {
  int finished = 0;
  TRY(check(functions_->model_update(model.handle, &finished)));
  return finished == 0;
}

Result<double> LightGbm::held_out(const Model& model) const {
  int count = 0;
  TRY(check(functions_->model_metric_count(model.handle, &count)));
  std::vector<double> metrics(static_cast<size_t>(std::max(count, 1)));
  TRY(check(functions_->model_metrics(model.handle, 1, &count, metrics.data())));
  if (count == 1) return metrics[0];
  return fail(Code::kInternal, "LightGBM watches {} metrics, not 1", count);
}

Result<std::string> LightGbm::text(const Model& model, int rounds) const {
  std::string text;
  int64_t needed = 1 << 20;
  do {
    text.resize(static_cast<size_t>(needed));
    TRY(check(functions_->model_text(model.handle, 0, rounds, 0, static_cast<int64_t>(text.size()),
                                     &needed, text.data())));
  } while (needed > static_cast<int64_t>(text.size()));
  text.resize(static_cast<size_t>(needed) - 1);  // without its 0
  return text;
}

}  // namespace palate
