// Bytes nobody can predict, from the operating system.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace ragdraft {

// Throws kInternal where the system has none to give.
void fill_random(std::span<std::byte> bytes);
uint64_t random_word();

}  // namespace ragdraft
