# RAGDRAFT_KERNEL_COMPILER=<g++ of the target>: it compiles the kernels, the compiler of the build all else. For prebuilds, which zig links
# against an old C library: GCC's kernels are the ones that were measured (docs/platforms.md). Kernel objects can be mixed so because they hold no C++ library: three functions each, which
# call memcpy, memset and sqrtf.
set(RAGDRAFT_KERNEL_COMPILER "" CACHE STRING "compiles the kernels in place of the C++ compiler (a g++)")

# Appends the objects of one instruction set to RAGDRAFT_ISA_OBJECTS.
function(ragdraft_compile_kernels name flags)
  set(_options -std=c++20 -O3 -DNDEBUG -fPIC -fvisibility=hidden -Wall -Wextra -ffp-contract=off -fno-exceptions -fno-rtti
    -fno-stack-protector -U_FORTIFY_SOURCE  # a distribution's defaults, which call into its C library
    -Wno-uninitialized -Wno-maybe-uninitialized)  # GCC PR105593
  set(_folder ${CMAKE_CURRENT_BINARY_DIR}/ragdraft_isa_${name})
  file(MAKE_DIRECTORY ${_folder})
  foreach(_source ${RAGDRAFT_KERNEL_SOURCES})
    get_filename_component(_stem ${_source} NAME_WE)
    set(_object ${_folder}/${_stem}.o)
    add_custom_command(OUTPUT ${_object} DEPENDS ${_source} DEPFILE ${_object}.d VERBATIM COMMENT "Compiling ${_stem} for ${name}"
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${RAGDRAFT_KERNEL_COMPILER} ${_options} ${flags} -DRAGDRAFT_ISA=${name}
        -I${CMAKE_CURRENT_SOURCE_DIR}/native -MD -MF ${_object}.d -MT ${_object} -c ${_source} -o ${_object})
    set_source_files_properties(${_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
    list(APPEND RAGDRAFT_ISA_OBJECTS ${_object})
  endforeach()
  set(RAGDRAFT_ISA_OBJECTS ${RAGDRAFT_ISA_OBJECTS} PARENT_SCOPE)
endfunction()
