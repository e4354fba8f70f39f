// NetworkSpec::check(): what fits, op by op.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "infer/network_spec.h"

namespace palate {
namespace {

class Check {
 public:
  explicit Check(const NetworkSpec& spec) : spec_(spec) {}

  Status run() {
    TRY(limits());
    for (size_t i = 0; i < spec_.sparse.size(); ++i) TRY(sparse(i));
    for (size_t i = 0; i < spec_.dense.size(); ++i) TRY(dense(i));
    for (op_ = 0; op_ < spec_.ops.size(); ++op_) {
      TRY(references());
      TRY(unused());
      TRY(widths());
    }
    return outputs();
  }

 private:
  Status limits() {
    const auto within = [](std::string_view what, size_t count, size_t max) -> Status {
      if (count <= max) return {};
      return fail(Code::kCorrupt, "network: {} {}, at most {}", count, what, max);
    };
    TRY(within("sparse fields", spec_.sparse.size(), kNetworkFieldsMax));
    TRY(within("dense fields", spec_.dense.size(), kNetworkFieldsMax));
    TRY(within("ops", spec_.ops.size(), kNetworkOpsMax));
    TRY(within("outputs", spec_.outputs.size(), kNetworkOutputsMax));
    size_t row = 0, sequences = 0;
    for (const Op& op : spec_.ops) {
      row += size_t{op.width} + op.rank;
      if (!reads_sequence(op.kind) || op.field >= spec_.sparse.size()) continue;
      sequences += size_t{std::min(op.length, kNetworkLengthMax)} *
                   (size_t{spec_.sparse[op.field].width} + 3 * size_t{op.width});
    }
    TRY(within("columns in all", row, kNetworkRowMax));
    return within("numbers of sequences in all", sequences, kNetworkSequenceMax);
  }

  Status name(std::string_view list, size_t i, const std::string& name) {
    if (name.empty() || name.size() > kNetworkNameBytesMax) {
      return fail(Code::kCorrupt, "network: {}[{}] needs a name of 1 to {} bytes", list, i,
                  kNetworkNameBytesMax);
    }
    if (names_.insert(std::string(list) + "/" + name).second) return {};
    return fail(Code::kCorrupt, "network: {}[{}]: the name '{}' is taken", list, i, name);
  }

  static Status width(std::string_view list, size_t i, uint32_t width) {
    if (width >= 1 && width <= kNetworkWidthMax) return {};
    return fail(Code::kCorrupt, "network: {}[{}] is {} wide, which is not 1 to {}", list, i, width,
                kNetworkWidthMax);
  }

  Status sparse(size_t i) {
    const SparseField& field = spec_.sparse[i];
    TRY(name("sparse", i, field.name));
    TRY(width("sparse", i, field.width));
    if (field.rows > 0) return {};
    return fail(Code::kCorrupt, "network: sparse[{}] has no rows", i);
  }

  Status dense(size_t i) {
    TRY(name("dense", i, spec_.dense[i].name));
    return width("dense", i, spec_.dense[i].width);
  }

  template <class... Args>
  [[nodiscard]] Status wrong(fmt::format_string<Args...> format, Args&&... args) const {
    return fail(Code::kCorrupt, "network: ops[{}] ({} '{}'): {}", op_, op_name(op().kind),
                op().name, fmt::format(format, std::forward<Args>(args)...));
  }

  [[nodiscard]] const Op& op() const { return spec_.ops[op_]; }
  [[nodiscard]] bool is(std::initializer_list<OpKind> kinds) const {
    return std::ranges::find(kinds, op().kind) != kinds.end();
  }
  [[nodiscard]] uint32_t input(size_t i) const { return spec_.ops[op().inputs[i]].width; }

  Status references() {
    TRY(name("ops", op_, op().name));
    TRY(width("ops", op_, op().width));
    const size_t count = op().inputs.size();
    if (reads_field()) {
      const size_t fields = reads_sparse(op().kind) ? spec_.sparse.size() : spec_.dense.size();
      if (count > (op().kind == OpKind::kAttend ? 1 : 0)) {
        return wrong("{} inputs: it reads a field", count);
      }
      if (op().field >= fields) return wrong("field {} of {}", op().field, fields);
      TRY(sequence());
    }
    if (is({OpKind::kCross, OpKind::kCrossLowRank, OpKind::kBilinear})) {
      if (count != 2) return wrong("{} inputs, it takes 2", count);
    } else if (is({OpKind::kLinear, OpKind::kLinearBlocks, OpKind::kActivate, OpKind::kScale,
                   OpKind::kLayerNorm, OpKind::kSoftmax})) {
      if (count != 1) return wrong("{} inputs, it takes 1", count);
    } else if (!reads_field() &&
               (count < (op().kind == OpKind::kMix ? 2U : 1U) || count > kNetworkInputsMax)) {
      return wrong("{} inputs", count);
    }
    for (const uint32_t value : op().inputs) {
      if (value >= op_) return wrong("input {} does not come before it", value);
    }
    return {};
  }

  [[nodiscard]] bool reads_field() const {
    return reads_sparse(op().kind) || op().kind == OpKind::kDense;
  }

  // Sequences are for those that read them, and no others.
  [[nodiscard]] Status sequence() const {
    if (!reads_sparse(op().kind)) return {};
    const bool is_one = spec_.sparse[op().field].pooling == Pooling::kSequence;
    if (is_one == reads_sequence(op().kind)) return {};
    return wrong("field {} is {} sequence", op().field, is_one ? "a" : "no");
  }

  // What an op does not use has its default: a number there is a misunderstanding.
  [[nodiscard]] Status unused() const {
    if (!reads_field() && op().field != 0) return wrong("it has no field");
    if (!is({OpKind::kLinearBlocks, OpKind::kBilinear, OpKind::kAttend}) && op().parts != 1) {
      return wrong("it has no parts");
    }
    const bool long_one = reads_sequence(op().kind);
    if (long_one ? op().length == 0 || op().length > kNetworkLengthMax : op().length != 0) {
      return wrong("a length of {}", op().length);
    }
    const bool low_rank = op().kind == OpKind::kCrossLowRank;
    if (low_rank ? op().rank == 0 || op().rank > kNetworkWidthMax : op().rank != 0) {
      return wrong("a rank of {}", op().rank);
    }
    if (!std::isfinite(op().scale) || (op().kind != OpKind::kScale && op().scale != 1)) {
      return wrong("a scale of {}", op().scale);
    }
    if (op().activation != Activation::kNone &&
        !is({OpKind::kLinear, OpKind::kLinearBlocks, OpKind::kActivate})) {
      return wrong("it has no activation");
    }
    return {};
  }

  [[nodiscard]] Status same(size_t from, uint32_t width) const {
    for (size_t i = from; i < op().inputs.size(); ++i) {
      if (input(i) != width) return wrong("input {} is {} wide, not {}", i, input(i), width);
    }
    return {};
  }

  [[nodiscard]] Status is_wide(uint64_t width) const {
    if (op().width == width) return {};
    return wrong("it is {} wide, its inputs make {}", op().width, width);
  }

  [[nodiscard]] Status divides(size_t i) const {
    if (op().parts > 0 && input(i) % op().parts == 0) return {};
    return wrong("input {} is {} wide, which is not {} equal parts", i, input(i), op().parts);
  }

  [[nodiscard]] Status widths() const {
    uint64_t sum = 0;
    switch (op().kind) {
      case OpKind::kEmbed:
        return is_wide(spec_.sparse[op().field].width);
      case OpKind::kDense:
        return is_wide(spec_.dense[op().field].width);
      case OpKind::kConcat:
        for (size_t i = 0; i < op().inputs.size(); ++i) sum += input(i);
        return is_wide(sum);
      case OpKind::kLinear:
      case OpKind::kGru:
        return {};
      case OpKind::kAttend:
        if (op().parts == 0 || op().width % op().parts != 0) {
          return wrong("it is {} wide, which is not {} equal heads", op().width, op().parts);
        }
        return same(0, op().width);
      case OpKind::kLinearBlocks:
        TRY(divides(0));
        return same(0, op().width);
      case OpKind::kFm:
      case OpKind::kFmWeighted:
        TRY(is_wide(1));
        return same(0, input(0));
      case OpKind::kBilinear:
        TRY(is_wide(1));
        TRY(divides(0));
        return divides(1);
      case OpKind::kMix:
        if (input(0) != op().inputs.size() - 1) {
          return wrong("{} weights for {} inputs", input(0), op().inputs.size() - 1);
        }
        return same(1, op().width);
      default:
        return same(0, op().width);
    }
  }

  Status outputs() {
    if (spec_.outputs.empty()) return fail(Code::kCorrupt, "network: it has no output");
    for (size_t i = 0; i < spec_.outputs.size(); ++i) {
      const Output& output = spec_.outputs[i];
      TRY(name("outputs", i, output.name));
      const bool is_vector = output.link == Link::kIdentity && output.at.empty();
      if (output.value >= spec_.ops.size() || (spec_.ops[output.value].width != 1 && !is_vector)) {
        return fail(Code::kCorrupt,
                    "network: outputs[{}] ('{}'): value {} is no op of width 1, nor is it a vector "
                    "as it is",
                    i, output.name, output.value);
      }
      if (!std::isfinite(output.slope) || !std::isfinite(output.shift)) {
        return fail(Code::kCorrupt, "network: outputs[{}] ('{}'): slope or shift is not finite", i,
                    output.name);
      }
      if (const char* what = wrong_points(output); what != nullptr) {
        return fail(Code::kCorrupt, "network: outputs[{}] ('{}'): {}", i, output.name, what);
      }
    }
    return {};
  }

  // Nothing where thresholds and points fit.
  static const char* wrong_points(const Output& output) {
    const auto finite = [](const std::vector<float>& numbers) {
      return numbers.size() <= kNetworkOutputPointsMax &&
             std::ranges::all_of(numbers, [](float one) { return std::isfinite(one); });
    };
    if ((output.link == Link::kOrdinal) == output.thresholds.empty()) {
      return "an ordinal link has thresholds, and no other";
    }
    if (!finite(output.thresholds) || !finite(output.at) || !finite(output.gives)) {
      return "thresholds or points are not finite, or too many";
    }
    if (output.at.size() != output.gives.size()) return "'at' and 'gives' are no pairs";
    if (std::ranges::adjacent_find(output.at, std::ranges::greater_equal()) != output.at.end()) {
      return "'at' does not ascend";
    }
    if (std::ranges::adjacent_find(output.gives, std::ranges::greater()) != output.gives.end()) {
      return "'gives' falls";
    }
    return nullptr;
  }

  const NetworkSpec& spec_;
  size_t op_ = 0;
  std::unordered_set<std::string> names_;
};

}  // namespace

Status NetworkSpec::check() const { return Check(*this).run(); }

}  // namespace palate
