// HighwayHash by its specification. The state is four vectors of four 64-bit lanes; 32 bytes at a time are added, multiplied (32 by 32
// bits) and permuted into it.
#include "base/digest.h"

#include <bit>
#include <cstring>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "base/system_random.h"

namespace ragdraft {
namespace {

constexpr size_t kPacketBytes = 32;
using Lanes = std::array<uint64_t, 4>;
static_assert(std::endian::native == std::endian::little);

struct State {
  Lanes v0, v1, mul0, mul1;
};

uint64_t swap_halves(uint64_t lane) { return std::rotl(lane, 32); }

// Fractions of pi, as the specification has them.
State start(const Lanes& key) {
  State s{{}, {}, {0xdbe6d5d5fe4cce2f, 0xa4093822299f31d0, 0x13198a2e03707344, 0x243f6a8885a308d3},
          {0x3bd39e10cb0ef593, 0xc0acf169b5f18a8c, 0xbe5466cf34e90c6c, 0x452821e638d01377}};
  for (size_t i = 0; i < 4; i++) {
    s.v0[i] = s.mul0[i] ^ key[i];
    s.v1[i] = s.mul1[i] ^ swap_halves(key[i]);
  }
  return s;
}

// The permutation of the 16 bytes of two lanes: byte i of the result is byte kZipper[i], so that the well mixed bytes in the middle of
// products come to where the next product takes its factors from.
constexpr uint8_t kZipper[16] = {3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7};

template <size_t kFirst, size_t... i>
uint64_t zipped(uint64_t low, uint64_t high, std::index_sequence<i...>) {
  return ((((kZipper[kFirst + i] < 8 ? low : high) >> kZipper[kFirst + i] % 8 * 8 & 0xff) << 8 * i) | ...);
}

void add_zipped(const Lanes& from, Lanes& to) {
  constexpr auto kBytes = std::make_index_sequence<8>();
  for (size_t i = 0; i < 4; i += 2) {
    to[i] += zipped<0>(from[i], from[i + 1], kBytes);
    to[i + 1] += zipped<8>(from[i], from[i + 1], kBytes);
  }
}

void update(State& s, const Lanes& packet) {
  for (size_t i = 0; i < 4; i++) {
    s.v1[i] += s.mul0[i] + packet[i];
    s.mul0[i] ^= uint64_t(uint32_t(s.v1[i])) * (s.v0[i] >> 32);
    s.v0[i] += s.mul1[i];
    s.mul1[i] ^= uint64_t(uint32_t(s.v0[i])) * (s.v1[i] >> 32);
  }
  add_zipped(s.v1, s.v0);
  add_zipped(s.v0, s.v1);
}

void update_all(State& s, const std::byte* bytes, size_t packets) {
  for (; packets > 0; packets--, bytes += kPacketBytes) {
    Lanes packet;
    std::memcpy(&packet, bytes, sizeof packet);
    update(s, packet);
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void update_all_avx2(State& state, const std::byte* bytes, size_t packets) {
  const __m256i zipper = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kZipper)));
  struct {
    __m256i v0, v1, mul0, mul1;
  } s;
  std::memcpy(&s, &state, sizeof s);
  for (; packets > 0; packets--, bytes += kPacketBytes) {
    // A page ahead: left to itself the hardware stops at each page. Past the end it is nothing.
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(bytes) + 4096));
    s.v1 = _mm256_add_epi64(s.v1, _mm256_add_epi64(s.mul0, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
    s.mul0 = _mm256_xor_si256(s.mul0, _mm256_mul_epu32(s.v1, _mm256_srli_epi64(s.v0, 32)));
    s.v0 = _mm256_add_epi64(s.v0, s.mul1);
    s.mul1 = _mm256_xor_si256(s.mul1, _mm256_mul_epu32(s.v0, _mm256_srli_epi64(s.v1, 32)));
    s.v0 = _mm256_add_epi64(s.v0, _mm256_shuffle_epi8(s.v1, zipper));
    s.v1 = _mm256_add_epi64(s.v1, _mm256_shuffle_epi8(s.v0, zipper));
  }
  std::memcpy(&state, &s, sizeof s);
}
#elif defined(__aarch64__)
// The two halves of the vectors meet nowhere in an update.
void update_all_neon(State& state, const std::byte* bytes, size_t packets) {
  const uint8x16_t zipper = vld1q_u8(kZipper);
  const auto zipped = [&](uint64x2_t v) { return vreinterpretq_u64_u8(vqtbl1q_u8(vreinterpretq_u8_u64(v), zipper)); };
  const auto product = [](uint64x2_t low, uint64x2_t high) { return vmull_u32(vmovn_u64(low), vshrn_n_u64(high, 32)); };
  struct {
    uint64x2_t v0[2], v1[2], mul0[2], mul1[2];
  } s;
  std::memcpy(&s, &state, sizeof s);
  for (; packets > 0; packets--, bytes += kPacketBytes) {
    for (int i = 0; i < 2; i++) {
      s.v1[i] = vaddq_u64(s.v1[i], vaddq_u64(s.mul0[i], vreinterpretq_u64_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(bytes) + 16 * i))));
      s.mul0[i] = veorq_u64(s.mul0[i], product(s.v1[i], s.v0[i]));
      s.v0[i] = vaddq_u64(s.v0[i], s.mul1[i]);
      s.mul1[i] = veorq_u64(s.mul1[i], product(s.v0[i], s.v1[i]));
      s.v0[i] = vaddq_u64(s.v0[i], zipped(s.v1[i]));
      s.v1[i] = vaddq_u64(s.v1[i], zipped(s.v0[i]));
    }
  }
  std::memcpy(&state, &s, sizeof s);
}
#endif

// The last 1 to 31 bytes: their number into both vectors, themselves padded so that equal padding tells different lengths apart.
void update_rest(State& s, std::span<const std::byte> rest) {
  const size_t size = rest.size(), whole = size & ~size_t(3), odd = size & 3;
  std::array<std::byte, kPacketBytes> packet{};
  std::memcpy(packet.data(), rest.data(), whole);
  if (size & 16) {
    std::memcpy(packet.data() + 28, rest.data() + size - 4, 4);
  } else if (odd) {
    packet[16] = rest[whole];
    packet[17] = rest[whole + (odd >> 1)];
    packet[18] = rest[size - 1];
  }
  for (size_t i = 0; i < 4; i++) {
    s.v0[i] += (uint64_t(size) << 32) + size;
    s.v1[i] = uint64_t(std::rotl(uint32_t(s.v1[i] >> 32), int(size))) << 32 | std::rotl(uint32_t(s.v1[i]), int(size));
  }
  update_all(s, packet.data(), 1);
}

uint64_t finish(State& s) {
  for (int round = 0; round < 4; round++) update(s, {swap_halves(s.v0[2]), swap_halves(s.v0[3]), swap_halves(s.v0[0]), swap_halves(s.v0[1])});
  return s.v0[0] + s.v1[0] + s.mul0[0] + s.mul1[0];
}

uint64_t hash(const Lanes& key, std::span<const std::byte> bytes, void (*update_packets)(State&, const std::byte*, size_t)) {
  State state = start(key);
  const size_t packets = bytes.size() / kPacketBytes;
  update_packets(state, bytes.data(), packets);
  if (const auto rest = bytes.subspan(packets * kPacketBytes); !rest.empty()) update_rest(state, rest);
  return finish(state);
}

}  // namespace

DigestKey::Seed DigestKey::random_seed() {
  Seed seed;
  fill_random(std::as_writable_bytes(std::span(seed)));
  return seed;
}

uint64_t DigestKey::digest(std::span<const std::byte> bytes) const noexcept {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2");
  return hash(seed_, bytes, avx2 ? update_all_avx2 : update_all);
#elif defined(__aarch64__)
  return hash(seed_, bytes, update_all_neon);
#else
  return portable_digest(bytes);
#endif
}

uint64_t DigestKey::portable_digest(std::span<const std::byte> bytes) const noexcept { return hash(seed_, bytes, update_all); }

}  // namespace ragdraft
