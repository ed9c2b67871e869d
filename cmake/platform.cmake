# What differs between systems. Sources named *_posix.cc and *_windows.cc are for those systems only.
macro(ragdraft_only_this_platform list)
  if(WIN32)
    list(FILTER ${list} EXCLUDE REGEX "_posix\\.cc$")
  else()
    list(FILTER ${list} EXCLUDE REGEX "_windows\\.cc$")
  endif()
endmacro()

if(WIN32)
  # cmake-js knows MSVC only; cmake/windows_addon.cmake has its own ways.
  set(CMAKE_JS_SRC "")
  set(CMAKE_JS_LIB "")
  add_compile_definitions(NOMINMAX WIN32_LEAN_AND_MEAN UNICODE _WIN32_WINNT=0x0A00)  # Windows 10
  if(MINGW AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Windows aligns stacks to 16 bytes, GCC believes in 32 and 64 where it spills wide vectors (GCC PR54412).
    add_compile_options(-Wa,-muse-unaligned-vector-move)
    add_link_options(-static)  # no DLL of the compiler's beside the addon
  endif()
endif()

if(APPLE AND RAGDRAFT_ZIG_TARGET)  # zig makes no bundles; Node opens dynamic libraries too
  set(CMAKE_SHARED_MODULE_CREATE_CXX_FLAGS "-dynamiclib")
endif()
