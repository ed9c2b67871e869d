# The CUDA module's sources as plain C++ over the emulator (test/cpp/cuda), no CUDA needed: their tests, and a module that the addon loads as
# it loads the real one.
file(GLOB RAGDRAFT_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/native/ops/cuda/*.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/native/ops/cuda/kernels/*.cu ${CMAKE_CURRENT_SOURCE_DIR}/native/ops/cuda/kernels/*/*.cu)
set(_emulated "")
foreach(_source ${RAGDRAFT_CUDA_SOURCES})
  get_filename_component(_name ${_source} NAME_WE)
  set(_wrapper ${CMAKE_CURRENT_BINARY_DIR}/gen/emulated_${_name}.cc)
  file(GENERATE OUTPUT ${_wrapper} CONTENT "#include \"${_source}\"\n")  # CMake before 3.20 will not compile a .cu as C++
  list(APPEND _emulated ${_wrapper})
endforeach()
file(GLOB RAGDRAFT_EMULATOR_SOURCES CONFIGURE_DEPENDS test/cpp/cuda/emulator/*.cc)
list(FILTER RAGDRAFT_EMULATOR_SOURCES EXCLUDE REGEX "_test\\.cc$")
add_library(ragdraft_emulated STATIC EXCLUDE_FROM_ALL ${RAGDRAFT_EMULATOR_SOURCES} ${_emulated})
target_include_directories(ragdraft_emulated PUBLIC test/cpp/cuda)
target_link_libraries(ragdraft_emulated PUBLIC ragdraft_core)
ragdraft_light(ragdraft_emulated)

file(GLOB RAGDRAFT_CUDA_TEST_SOURCES CONFIGURE_DEPENDS test/cpp/cuda/*_test.cc test/cpp/cuda/emulator/*_test.cc)
file(GLOB RAGDRAFT_GPU_CHECK_SOURCES CONFIGURE_DEPENDS tools/gpu-check/*.cc)
set(RAGDRAFT_GPU_CHECK_MAIN ${CMAKE_CURRENT_SOURCE_DIR}/tools/gpu-check/main.cc)
list(REMOVE_ITEM RAGDRAFT_GPU_CHECK_SOURCES ${RAGDRAFT_GPU_CHECK_MAIN})
add_library(ragdraft_gpu_check STATIC EXCLUDE_FROM_ALL ${RAGDRAFT_GPU_CHECK_SOURCES})
target_include_directories(ragdraft_gpu_check PUBLIC tools/gpu-check test/cpp/support)
target_link_libraries(ragdraft_gpu_check PUBLIC ragdraft_emulated)
ragdraft_light(ragdraft_gpu_check)

add_executable(cuda_tests EXCLUDE_FROM_ALL ${RAGDRAFT_CUDA_TEST_SOURCES} test/cpp/support/tap.cc test/cpp/support/tier.cc test/cpp/support/main.cc)
target_include_directories(cuda_tests PRIVATE test/cpp/support)
target_link_libraries(cuda_tests PRIVATE ragdraft_gpu_check)
ragdraft_light(cuda_tests)
add_executable(gpu_check EXCLUDE_FROM_ALL ${RAGDRAFT_GPU_CHECK_MAIN})  # measures the emulator: its times mean nothing, its paths are tested
target_link_libraries(gpu_check PRIVATE ragdraft_gpu_check)
add_dependencies(cuda_tests gpu_check)

# module.cu's functions lead to all the others.
add_library(ragdraft_cuda_emulated MODULE EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/gen/emulated_module.cc)
target_link_libraries(ragdraft_cuda_emulated PRIVATE ragdraft_emulated)
set_target_properties(ragdraft_cuda_emulated PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})  # cmake-js would have another
if(UNIX AND NOT APPLE)
  target_link_options(ragdraft_cuda_emulated PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/native/ops/cuda/exports.map)
endif()
