#include "events/decompress.h"

#include <algorithm>
#include <limits>

#include <zlib.h>
#include <zstd.h>

namespace palate {
namespace {
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
}  // namespace

Compression compression_of(std::string_view first_bytes) {
  if (first_bytes.starts_with(kGzipMagic)) return Compression::kGzip;
  if (first_bytes.starts_with(kZstdMagic)) return Compression::kZstd;
  return Compression::kNone;
}

struct Decompressor::State {
  State(std::string_view bytes, Path file)
      : input(bytes), path(std::move(file)), kind(compression_of(bytes)) {}
  ~State() {
    if (kind == Compression::kGzip) inflateEnd(&gzip);
    ZSTD_freeDStream(zstd);
  }

  std::string_view input;
  Path path;
  Compression kind;
  size_t at = 0;  // bytes of `input` consumed
  bool in_member = true;
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;

  Result<size_t> read_gzip(char* out, size_t size);
  Result<size_t> read_zstd(char* out, size_t size);
  bool next_member();

  std::unexpected<Error> corrupt(std::string_view what) const {
    return fail(
        Code::kCorrupt, "{}: the {} data is {} at byte {} of {}; fetch or compress the file again",
        path.string(), kind == Compression::kGzip ? "gzip" : "zstd", what, at, input.size());
  }
};

// Zero bytes behind the last member are padding, as tape and block devices leave it.
bool Decompressor::State::next_member() {
  if (input.substr(at).starts_with(kGzipMagic)) {
    inflateReset(&gzip);
    in_member = true;
  } else if (input.find_first_not_of('\0', at) == std::string_view::npos) {
    at = input.size();
  } else {
    return false;
  }
  return true;
}

Result<size_t> Decompressor::State::read_gzip(char* out, size_t size) {
  size_t written = 0;
  while (written < size) {
    if (!in_member) {
      if (at == input.size()) break;
      if (!next_member()) return corrupt("followed by something else");
      continue;
    }
    const size_t take = std::min<size_t>(input.size() - at, std::numeric_limits<uInt>::max());
    const size_t room = std::min<size_t>(size - written, std::numeric_limits<uInt>::max());
    gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data() + at));
    gzip.avail_in = static_cast<uInt>(take);
    gzip.next_out = reinterpret_cast<Bytef*>(out + written);
    gzip.avail_out = static_cast<uInt>(room);
    const int code = inflate(&gzip, Z_NO_FLUSH);
    at += take - gzip.avail_in;
    written += room - gzip.avail_out;
    if (code == Z_STREAM_END) {
      in_member = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return corrupt("damaged");
    } else if (at == input.size() && gzip.avail_out > 0) {
      return corrupt("cut off");
    }
  }
  return written;
}

Result<size_t> Decompressor::State::read_zstd(char* out, size_t size) {
  ZSTD_outBuffer output{out, size, 0};
  while (output.pos < size) {
    if (!in_member && at == input.size()) break;
    ZSTD_inBuffer rest{input.data() + at, input.size() - at, 0};
    const size_t before = output.pos;
    const size_t code = ZSTD_decompressStream(zstd, &output, &rest);
    at += rest.pos;
    if (ZSTD_isError(code)) return corrupt("damaged");
    in_member = code != 0;
    if (in_member && at == input.size() && rest.pos == 0 && output.pos == before) {
      return corrupt("cut off");
    }
  }
  return output.pos;
}

Decompressor::Decompressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor::~Decompressor() = default;

Result<Decompressor> Decompressor::open(std::string_view compressed, const Path& path) {
  auto state = std::make_unique<State>(compressed, path);
  if (state->kind == Compression::kGzip) {
    constexpr int kGzipWindowBits = 16 + MAX_WBITS;
    if (inflateInit2(&state->gzip, kGzipWindowBits) != Z_OK) {
      state->kind = Compression::kNone;
      return fail(Code::kInternal, "zlib could not be started");
    }
  } else if (state->kind == Compression::kZstd) {
    state->zstd = ZSTD_createDStream();
    if (state->zstd == nullptr) return fail(Code::kInternal, "zstd could not be started");
  } else {
    return fail(Code::kInvalidArgument, "{}: neither gzip nor zstd", path.string());
  }
  return Decompressor(std::move(state));
}

Result<size_t> Decompressor::read(char* out, size_t size) {
  return state_->kind == Compression::kGzip ? state_->read_gzip(out, size)
                                            : state_->read_zstd(out, size);
}

size_t Decompressor::bytes_consumed() const { return state_->at; }

}  // namespace palate
