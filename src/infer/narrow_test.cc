// A network in fewer bits: what it says, what it loses, and what damage a reader finds.
#include "infer/narrow.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artefact/safetensors.h"
#include "infer/network.h"
#include "infer/network_draw.h"
#include "infer/plain_network.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

NetworkSpec spec_of_two() {
  NetworkSpec spec;
  spec.sparse = {{"user", FieldOwner::kRequest, Pooling::kOne, 60, 17},
                 {"item", FieldOwner::kCandidate, Pooling::kMean, 90, 24}};
  spec.ops = {{.kind = OpKind::kEmbed, .name = "u", .width = 17, .field = 0},
              {.kind = OpKind::kEmbed, .name = "i", .width = 24, .field = 1},
              {.kind = OpKind::kConcat, .name = "x", .inputs = {0, 1}, .width = 41},
              {.kind = OpKind::kLinear, .name = "h", .inputs = {2}, .width = 32},
              {.kind = OpKind::kLinear, .name = "o", .inputs = {3}, .width = 1}};
  spec.outputs = {{"click", 4}};
  return spec;
}

struct World {
  NetworkSpec spec = spec_of_two();
  TestFolder folder;
  std::shared_ptr<const Artefact> exact;
  DrawnRequest request{spec, 50, 4};

  World() {
    TensorDrawer drawer;
    drawer.kinds = 1;
    exact = drawer.write(spec).value();
  }
  Result<std::vector<NarrowedTable>> narrow(const NarrowOptions& options, const std::string& to) {
    auto writer = TRY(ArtefactWriter::create(folder.path() / to));
    auto tables = TRY(narrow_network(exact, options, writer));
    TRY(writer.commit());
    return tables;
  }
  std::vector<float> scores(const std::shared_ptr<const Artefact>& artefact) {
    const auto network = Network::load(artefact);
    EXPECT_TRUE(network.has_value()) << network.error().message;
    std::vector<float> out(50);
    const std::vector<std::span<float>> outputs{out};
    NetworkScratch scratch;
    EXPECT_TRUE((*network)->score(request.all(), outputs, scratch).has_value());
    return out;
  }
};

TEST(Narrow, FewerBitsAreSmallerAndNear) {
  World world;
  const std::vector<float> exact = world.scores(world.exact);
  const double bytes[] = {4, 2, 1 + 4 / 24.0, 0.5 + 4 / 24.0};  // a number of the field "item"
  const double most[] = {0, 0.003, 0.007, 0.1};
  for (const Precision precision :
       {Precision::kF32, Precision::kBf16, Precision::kInt8, Precision::kInt4}) {
    const std::string name(precision_name(precision));
    SCOPED_TRACE(name);
    const Precision layers = precision == Precision::kInt4 ? Precision::kInt8 : precision;
    const auto tables = world.narrow({layers, precision}, name);
    ASSERT_TRUE(tables.has_value()) << tables.error().message;
    const auto at = static_cast<size_t>(precision);
    ASSERT_EQ(tables->size(), 2u);
    EXPECT_EQ((*tables)[1].field, "item");
    EXPECT_DOUBLE_EQ(static_cast<double>((*tables)[1].bytes), 90 * 24 * bytes[at]);
    EXPECT_LE((*tables)[1].rms, most[at]);
    EXPECT_GE((*tables)[1].rms, most[at] / 4);
    const auto artefact = Artefact::open(world.folder.path() / name);
    ASSERT_TRUE(artefact.has_value());
    const std::vector<float> near = world.scores(*artefact);
    double squares = 0, off = 0;
    for (size_t c = 0; c < near.size(); ++c) {
      squares += double{exact[c]} * exact[c];
      off += std::pow(double{near[c]} - exact[c], 2);
    }
    EXPECT_LE(std::sqrt(off / squares), std::max(2 * most[at], at == 0 ? 0 : 0.01));
    EXPECT_EQ(near == exact, precision == Precision::kF32);
    if (precision == Precision::kF32) continue;
    EXPECT_GT(off, 0);
    auto writer = ArtefactWriter::create(world.folder.path() / "again");
    EXPECT_FALSE(narrow_network(*artefact, {}, *writer).has_value()) << "it is not in fp32";
  }
  EXPECT_FALSE(world.narrow({Precision::kInt4, Precision::kInt4}, "layers").has_value());
}

// Every tensor of every precision, gone, of another type or shape; and layers that nobody knows.
TEST(Narrow, DamageIsFoundByName) {
  World world;
  for (const Precision precision : {Precision::kBf16, Precision::kInt8, Precision::kInt4}) {
    const std::string name(precision_name(precision));
    const Precision layers = precision == Precision::kInt4 ? Precision::kInt8 : precision;
    ASSERT_TRUE(world.narrow({layers, precision}, name).has_value());
    const auto whole = Artefact::open(world.folder.path() / name).value();
    size_t copies = 0;
    const auto error_of = [&](const std::string& tensor, int damage) -> Error {
      const std::string copy = name + std::to_string(copies++);
      auto writer = ArtefactWriter::create(world.folder.path() / copy).value();
      writer.manifest = whole->manifest();
      writer.manifest.checksums.clear();
      for (const auto& [of, view] : whole->tensors()) {
        auto shape = view.shape;
        DType type = view.type;
        if (of == tensor && damage == 0) continue;
        if (of == tensor && damage == 1) {
          type = DType::kI16;
          shape = {view.bytes.size() / 2};
        }
        if (of == tensor && damage == 2) shape.insert(shape.begin(), 1);
        writer.add(of, type, shape, view.bytes);
      }
      EXPECT_TRUE(writer.commit().has_value());
      const auto network = Network::load(Artefact::open(world.folder.path() / copy).value());
      EXPECT_FALSE(network.has_value()) << tensor << ", " << damage;
      return network ? Error{} : network.error();
    };
    for (const auto& [tensor, view] : whole->tensors()) {
      for (const int damage : {0, 1, 2}) {
        if (damage == 1 && view.bytes.size() % 2 == 1) continue;
        const Error error = error_of(tensor, damage);
        EXPECT_EQ(error.code, Code::kCorrupt);
        EXPECT_THAT(error.message, HasSubstr("'" + tensor + "'"));
      }
    }
  }
}

TEST(Narrow, LayersThatNobodyKnowsAreRefused) {
  World world;
  for (const std::string layers : {R"("int4")", R"("fp8")", "8", "null"}) {
    const auto folder =
        world.folder.path() / ("of" + std::to_string(layers.size() * 7 + layers[1]));
    auto writer = ArtefactWriter::create(folder).value();
    writer.manifest.kind = "test";
    writer.manifest.details_json =
        R"({"layers":)" + layers + R"(,"network":)" + world.spec.to_json() + "}";
    ASSERT_TRUE(writer.commit().has_value());
    const auto network = Network::load(Artefact::open(folder).value());
    ASSERT_FALSE(network.has_value());
    EXPECT_EQ(network.error().code, Code::kCorrupt);
    EXPECT_THAT(network.error().message, HasSubstr("layers are in " + layers));
  }
}

}  // namespace
}  // namespace palate
