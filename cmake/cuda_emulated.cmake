# The CUDA module's sources as plain C++ over the emulator (test/cuda), and their tests: no CUDA needed.
file(GLOB RAGDRAFT_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/native/ops/cuda/*.cu ${CMAKE_CURRENT_SOURCE_DIR}/native/ops/cuda/kernels/*.cu)
set(_emulated "")
foreach(_source ${RAGDRAFT_CUDA_SOURCES})
  get_filename_component(_name ${_source} NAME_WE)
  set(_wrapper ${CMAKE_CURRENT_BINARY_DIR}/gen/emulated_${_name}.cc)
  file(GENERATE OUTPUT ${_wrapper} CONTENT "#include \"${_source}\"\n")  # CMake before 3.20 will not compile a .cu as C++
  list(APPEND _emulated ${_wrapper})
endforeach()
file(GLOB RAGDRAFT_CUDA_TEST_SOURCES CONFIGURE_DEPENDS test/cuda/*.cc test/cuda/emulator/*.cc)
add_executable(cuda_tests ${RAGDRAFT_CUDA_TEST_SOURCES} ${_emulated} test/native/tap.cc test/native/main.cc)
target_include_directories(cuda_tests PRIVATE test/cuda test/native)
target_link_libraries(cuda_tests PRIVATE ragdraft_core)
