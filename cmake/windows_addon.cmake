# The addon on Windows, by MinGW-w64 or clang for it: an import library of the functions of Node-API (node-api-headers lists them),
# delayed so that native/addon/delay_load_windows.cc can say which program they are in.
list(GET CMAKE_JS_INC 0 _headers)
set(_def "${_headers}/../def/node_api.def")
set(_library ${CMAKE_CURRENT_BINARY_DIR}/libnode_api.a)
if(NOT CMAKE_DLLTOOL OR NOT EXISTS "${_def}")
  message(FATAL_ERROR "ragdraft: the addon for Windows needs dlltool (MinGW-w64's binutils; found: '${CMAKE_DLLTOOL}') and ${_def}")
endif()
add_custom_command(OUTPUT ${_library} DEPENDS ${_def} VERBATIM
  COMMAND ${CMAKE_DLLTOOL} --input-def ${_def} --dllname NODE.EXE --output-delaylib ${_library})
add_custom_target(ragdraft_node_api DEPENDS ${_library})
add_dependencies(ragdraft ragdraft_node_api)
target_link_libraries(ragdraft PRIVATE ${_library} delayimp)
