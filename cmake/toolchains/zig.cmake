# zig's compiler (clang, with the headers and stubs of every libc): -DRAGDRAFT_ZIG_TARGET=<architecture>-<system>-<abi>, as
# x86_64-linux-gnu.2.28, aarch64-linux-musl or aarch64-macos.11.0. The program is `zig`, or what RAGDRAFT_ZIG names.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RAGDRAFT_ZIG_TARGET)
if(NOT RAGDRAFT_ZIG_TARGET MATCHES "^([^-]+)-([^-.]+)")
  message(FATAL_ERROR "zig.cmake: RAGDRAFT_ZIG_TARGET must be a target of zig's, as x86_64-linux-gnu.2.28; it is '${RAGDRAFT_ZIG_TARGET}'")
endif()
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_MATCH_1})
if(CMAKE_MATCH_2 STREQUAL "linux")
  set(CMAKE_SYSTEM_NAME Linux)
elseif(CMAKE_MATCH_2 STREQUAL "macos")
  set(CMAKE_SYSTEM_NAME Darwin)
elseif(CMAKE_MATCH_2 STREQUAL "windows")
  set(CMAKE_SYSTEM_NAME Windows)
else()
  message(FATAL_ERROR "zig.cmake: no toolchain for ${RAGDRAFT_ZIG_TARGET}")
endif()
set(CMAKE_C_COMPILER ${CMAKE_CURRENT_LIST_DIR}/zig/cc)
set(CMAKE_CXX_COMPILER ${CMAKE_CURRENT_LIST_DIR}/zig/c++)
set(CMAKE_C_COMPILER_TARGET ${RAGDRAFT_ZIG_TARGET})
set(CMAKE_CXX_COMPILER_TARGET ${RAGDRAFT_ZIG_TARGET})
# Also when CMake tries the compiler, first without its target: zig makes its libraries anew for each target and way to optimise.
set(CMAKE_C_FLAGS_INIT "-O2 --target=${RAGDRAFT_ZIG_TARGET}")
set(CMAKE_CXX_FLAGS_INIT "-O2 --target=${RAGDRAFT_ZIG_TARGET}")
set(CMAKE_AR ${CMAKE_CURRENT_LIST_DIR}/zig/ar)
set(CMAKE_RANLIB ${CMAKE_CURRENT_LIST_DIR}/zig/ranlib)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)  # zig passes clang no such requests
set(CMAKE_MODULE_LINKER_FLAGS_INIT -s)  # without the symbols and debug facts of the C++ library that is linked in
