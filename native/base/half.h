// IEEE half and bfloat16 <-> float, scalar, round to nearest even. f32 -> f16 saturates at +-65504 (an infinity in a KV
// cache would poison masked keys: 0 * inf = NaN); NaN stays NaN.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace ragdraft {

// As std::bit_cast, which C++17 does not have: the CUDA module reads this too.
inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float f16_to_f32(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
  if (exponent == 0) {
    const float value = std::ldexp(float(mantissa), -24);
    return sign ? -value : value;
  }
  if (exponent == 31) return float_of(sign | 0x7f800000u | (mantissa << 13));
  return float_of(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

inline uint16_t f32_to_f16(float f) {
  const uint32_t x = bits_of(f), sign = (x >> 16) & 0x8000, rest = x & 0x7fffffff;
  if (rest > 0x7f800000) return uint16_t(sign | 0x7e00);
  if (rest >= 0x477fe000) return uint16_t(sign | 0x7bff);  // >= 65504
  if (rest < 0x38800000) {                                 // subnormal: units of 2^-24
    const float scaled = float_of(rest) * 16777216.0f;
    return uint16_t(sign | uint32_t(std::nearbyint(scaled)));
  }
  const uint32_t rounded = rest + 0xfff + ((rest >> 13) & 1);
  return uint16_t(sign | ((rounded - 0x38000000) >> 13));
}

inline float bf16_to_f32(uint16_t h) { return float_of(uint32_t(h) << 16); }

inline uint16_t f32_to_bf16(float f) {
  const uint32_t x = bits_of(f);
  if ((x & 0x7fffffff) > 0x7f800000) return uint16_t((x >> 16) | 0x40);
  return uint16_t((x + 0x7fff + ((x >> 16) & 1)) >> 16);
}

}  // namespace ragdraft
