# The C++ tests, the emulated CUDA module and the programs of the benchmarks. They link the objects of the addon, and are built only when
# they are asked for: scripts/native-tests.cjs, bench/native-programs.ts.

# The compiler's time counts here, not theirs: what is tested is in the core, at its own optimisation.
function(ragdraft_light target)
  if(NOT MSVC AND NOT RAGDRAFT_SANITIZE)
    target_compile_options(${target} PRIVATE -O1)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      target_compile_options(${target} PRIVATE -Wno-array-bounds)  # GCC PR105329: strings put together
    endif()
  endif()
endfunction()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/$<0:>")  # whoever drives CMake
file(GLOB RAGDRAFT_TEST_SOURCES CONFIGURE_DEPENDS test/cpp/*/*_test.cc test/cpp/support/*.cc)
list(FILTER RAGDRAFT_TEST_SOURCES EXCLUDE REGEX "test/cpp/cuda/")
add_executable(native_tests EXCLUDE_FROM_ALL ${RAGDRAFT_TEST_SOURCES})
target_include_directories(native_tests PRIVATE test/cpp/support)
if(TARGET ragdraft_isa_amx_model)
  # Another list of instruction sets: this one is found before the core's.
  target_sources(native_tests PRIVATE native/ops/cpu/dispatch.cc $<TARGET_OBJECTS:ragdraft_isa_amx_model>)
  target_compile_definitions(native_tests PRIVATE RAGDRAFT_HAVE_AMX_MODEL=1)
endif()
target_link_libraries(native_tests PRIVATE ragdraft_core)
ragdraft_light(native_tests)
ragdraft_precompile(native_tests <algorithm> <array> <cmath> <functional> <memory> <random> <string> <vector>)
include(cmake/cuda_emulated.cmake)
add_subdirectory(bench/native EXCLUDE_FROM_ALL)
