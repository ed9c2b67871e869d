# Tests and measurements of the CUDA module as programs for a GPU: the sources that cmake/cuda_emulated.cmake compiles for the CPU, by nvcc.
# For the card that is here, unless RAGDRAFT_CUDA_ARCHITECTURES names others. tools/gpu-check/run.sh builds and runs them.
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "RAGDRAFT_BUILD_GPU_CHECK=ON but no nvcc was found (PATH, CUDACXX, CUDA_PATH)")
endif()
if(RAGDRAFT_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES ${RAGDRAFT_CUDA_ARCHITECTURES})
elseif(CMAKE_VERSION VERSION_LESS 3.24)
  message(FATAL_ERROR "this CMake cannot ask the card: set RAGDRAFT_CUDA_ARCHITECTURES, e.g. to 90a-real")
else()
  set(CMAKE_CUDA_ARCHITECTURES native)
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)  # the tests'; the module itself is C++17
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake before 3.26 does not know that nvcc has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)

# The module's functions, linked in instead of loaded.
file(GLOB RAGDRAFT_CUDA_SOURCES CONFIGURE_DEPENDS native/ops/cuda/*.cu native/ops/cuda/kernels/*.cu native/ops/cuda/kernels/*/*.cu)
add_library(ragdraft_gpu STATIC ${RAGDRAFT_CUDA_SOURCES})
target_link_libraries(ragdraft_gpu PUBLIC ragdraft_core)
target_compile_options(ragdraft_gpu PUBLIC $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false>)

# A test of test/cpp/cuda is one for the GPU too; what only the emulator can do is in test/cpp/cuda/emulator.
file(GLOB RAGDRAFT_GPU_TEST_SOURCES CONFIGURE_DEPENDS test/cpp/cuda/*_test.cc)
set_source_files_properties(${RAGDRAFT_GPU_TEST_SOURCES} test/cpp/cuda/gpu/main.cc PROPERTIES LANGUAGE CUDA)
add_executable(gpu_tests ${RAGDRAFT_GPU_TEST_SOURCES} test/cpp/cuda/gpu/main.cc test/cpp/support/tap.cc test/cpp/support/tier.cc)
target_include_directories(gpu_tests PRIVATE test/cpp/cuda test/cpp/support)
target_link_libraries(gpu_tests PRIVATE ragdraft_gpu)

file(GLOB RAGDRAFT_GPU_CHECK_SOURCES CONFIGURE_DEPENDS tools/gpu-check/*.cc)
set_source_files_properties(${RAGDRAFT_GPU_CHECK_SOURCES} PROPERTIES LANGUAGE CUDA)
add_executable(gpu_check ${RAGDRAFT_GPU_CHECK_SOURCES})
target_include_directories(gpu_check PRIVATE tools/gpu-check test/cpp/support)
target_link_libraries(gpu_check PRIVATE ragdraft_gpu)
# They may run where they were not built.
foreach(_program gpu_tests gpu_check)
  target_link_options(${_program} PRIVATE -static-libstdc++ -static-libgcc)
endforeach()
