#include "models/two_tower/towers.h"

#include "models/ranker/network_builder.h"

namespace palate {
namespace {

// Ops and parameters of both towers lie side by side, so each has a name of its own.
TrainableNetwork named(TrainableNetwork plan, std::string_view prefix) {
  for (Op& op : plan.spec.ops) op.name = std::string(prefix) + op.name;
  return plan;
}

NetworkBuilder::Value with_hidden(NetworkBuilder& net, NetworkBuilder::Value x, int hidden,
                                  uint32_t width) {
  if (hidden > 0) x = net.linear(x, static_cast<uint32_t>(hidden), Activation::kRelu);
  return net.linear(x, width);
}

}  // namespace

TrainableNetwork item_tower(const TwoTowerConfig& config, const TowerShapes& shapes) {
  NetworkBuilder net;
  const auto width = static_cast<uint32_t>(config.width);
  const auto bag = [&](std::string_view name, Pooling pooling, uint32_t rows) {
    return net.embed({.name = std::string(name),
                      .owner = FieldOwner::kCandidate,
                      .pooling = pooling,
                      .rows = rows,
                      .width = width});
  };
  std::vector<NetworkBuilder::Value> parts{
      bag(kItemField, Pooling::kOne, shapes.items),
      bag(kTermsField, Pooling::kMean, static_cast<uint32_t>(config.term_rows)),
      bag(kSubwordsField, Pooling::kMean, static_cast<uint32_t>(config.subword_rows))};
  if (shapes.vector > 0) {
    const auto given = net.dense({.name = std::string(kVectorField),
                                  .owner = FieldOwner::kCandidate,
                                  .width = shapes.vector});
    parts.push_back(net.linear(given, width));
  }
  auto item = net.sum(parts);
  if (config.item_hidden > 0) {
    item = net.sum({item, with_hidden(net, item, config.item_hidden, width)});
  }
  net.output({.name = "item"}, item);
  return named(std::move(net).take(), "item_");
}

TrainableNetwork user_tower(const TwoTowerConfig& config, const TowerShapes& shapes) {
  NetworkBuilder net;
  const auto width = static_cast<uint32_t>(config.width);
  const auto history = net.dense(
      {.name = std::string(kHistoryField), .owner = FieldOwner::kRequest, .width = width});
  const auto profile = net.embed({.name = std::string(kProfileField),
                                  .owner = FieldOwner::kRequest,
                                  .pooling = Pooling::kSum,
                                  .rows = shapes.profiles,
                                  .width = width});
  const auto change = with_hidden(net, net.concat({history, profile}), config.hidden, width);
  net.output({.name = "user"}, net.sum({history, change}));
  return named(std::move(net).take(), "user_");
}

NetworkSpec both_towers(const NetworkSpec& user, const NetworkSpec& item) {
  NetworkSpec both = user;
  both.sparse.insert(both.sparse.end(), item.sparse.begin(), item.sparse.end());
  both.dense.insert(both.dense.end(), item.dense.begin(), item.dense.end());
  const auto ops = static_cast<uint32_t>(user.ops.size());
  for (Op op : item.ops) {
    for (uint32_t& input : op.inputs) input += ops;
    if (op.kind == OpKind::kDense) op.field += static_cast<uint32_t>(user.dense.size());
    if (op.kind == OpKind::kEmbed) op.field += static_cast<uint32_t>(user.sparse.size());
    both.ops.push_back(std::move(op));
  }
  for (Output output : item.outputs) {
    output.value += ops;
    both.outputs.push_back(std::move(output));
  }
  return both;
}

}  // namespace palate
