#include "artefact/safetensors.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

using ::testing::HasSubstr;

// A file with this header over `data_bytes` bytes of data.
std::string file_with(std::string header, size_t data_bytes) {
  header.append((8 - header.size() % 8) % 8, ' ');
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return file + header + std::string(data_bytes, 'x');
}

auto parse(const std::string& file) { return parse_safetensors(std::as_bytes(std::span(file))); }

TEST(Safetensors, WhatTheFormatSaysIsRead) {
  // The example of the format's own description: two tensors, free metadata.
  const auto read = parse(file_with(R"({"__metadata__":{"by":"hand"},)"
                                    R"("b":{"dtype":"U8","shape":[],"data_offsets":[16,17]},)"
                                    R"("a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})",
                                    17));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].name, "a");
  EXPECT_EQ((*read)[0].view.shape, (std::vector<uint64_t>{2, 2}));
  EXPECT_EQ((*read)[1].view.bytes.size(), 1U);
}

struct Wrong {
  const char* header;
  const char* says;
};

TEST(Safetensors, WhatDoesNotFitIsRefusedByName) {
  for (const auto& [header, says] : std::vector<Wrong>{
           {"", "not a JSON object"},
           {"[]", "not a JSON object"},
           {R"({"a":1})", "'a'"},
           {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,17]}})", "outside"},
           {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})", "outside"},
           {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})", "do not give"},
           {R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})", "no whole number"},
           {R"({"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}})", "no whole number"},
           {R"({"a":{"dtype":"F16","shape":[8],"data_offsets":[0,16]}})", "F16"},
           {R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0]}})", "outside"},
           {R"({"a":{"dtype":"U8","shape":[16]}})", "not described"},
           {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", "belong to none"},
           {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})", "expected 0"},
           {R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]},)"
            R"("b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})",
            "'b' starts"},
           {R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},)"
            R"("a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}})",
            "twice"},
           {R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,16],"data_offsets":[0,16]}})", "list"},
           {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296,16],"data_offsets":[0,16]}})",
            "do not give"},
           {R"({"p":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
            R"("q":{"dtype":"U8","shape":[7],"data_offsets":[9,16]},)"
            R"("r":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}})",
            "aligned"},
       }) {
    const auto read = parse(file_with(header, 16));
    ASSERT_FALSE(read.has_value()) << header;
    EXPECT_THAT(read.error().message, HasSubstr(says)) << header;
  }
}

TEST(Safetensors, AHeaderLongerThanTheFileIsRefused) {
  for (const uint64_t length : {uint64_t{9}, uint64_t{1} << 40, ~uint64_t{0}}) {
    std::string file(reinterpret_cast<const char*>(&length), sizeof length);
    EXPECT_EQ(parse(file + "{}      ").error().code, Code::kCorrupt);
  }
  EXPECT_EQ(parse("1234567").error().code, Code::kCorrupt);
}

RC_GTEST_PROP(SafetensorsProperty, WhatIsLaidOutIsRead, ()) {
  const auto count = *rc::gen::inRange<size_t>(0, 12);
  std::vector<TensorSpec> specs;
  std::vector<uint64_t> bytes;
  for (size_t i = 0; i < count; ++i) {
    const auto type = static_cast<DType>(*rc::gen::inRange(0, 12));
    auto shape = *rc::gen::resize(
        4, rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(0, 9)));
    bytes.push_back(*tensor_bytes(type, shape));
    specs.push_back({"tensor \"" + std::to_string(i), type, std::move(shape)});
  }
  const auto layout = layout_safetensors(specs);
  std::string file = layout.head;
  for (size_t i = 0; i < count; ++i) {
    RC_ASSERT(file.size() % kTensorAlignment == 0U);
    file += std::string(bytes[i], static_cast<char>('a' + i));
    file += std::string(layout.pad_bytes[i], '\0');
  }
  const auto read = parse(file);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->size() == count);
  for (const auto& tensor : *read) {
    const size_t i = std::stoul(tensor.name.substr(8));
    RC_ASSERT(tensor.view.shape == specs[i].shape);
    RC_ASSERT(tensor.view.type == specs[i].type);
    RC_ASSERT(tensor.view.bytes.size() == bytes[i]);
    for (const std::byte byte : tensor.view.bytes) RC_ASSERT(static_cast<char>(byte) == 'a' + i);
  }
}

// Whatever a header says, every tensor that comes out lies inside the file (ASan checks the reads).
RC_GTEST_PROP(SafetensorsProperty, ChangedFilesNeverLeadOutside, ()) {
  std::string file = file_with(R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                               R"("b":{"dtype":"U8","shape":[8],"data_offsets":[16,24]}})",
                               24);
  const auto changes = *rc::gen::inRange(1, 6);
  for (int i = 0; i < changes; ++i) {
    file[*rc::gen::inRange<size_t>(0, file.size())] = *rc::gen::element(
        '0', '9', '1', '-', ',', '"', ']', '}', '\0', '\xff', 'U', '8', static_cast<char>(7));
  }
  file.resize(*rc::gen::inRange<size_t>(0, file.size() + 1));
  const auto read = parse(file);
  if (!read) return;
  for (const auto& tensor : *read) {
    const auto* begin = reinterpret_cast<const std::byte*>(file.data());
    RC_ASSERT(tensor.view.bytes.data() >= begin);
    RC_ASSERT(tensor.view.bytes.data() + tensor.view.bytes.size() <= begin + file.size());
  }
}

}  // namespace
}  // namespace palate
