# gatehouse_room(NAME [ROOMS room...] [LINKS target...] [PRECOMPILE header...]): userspace/NAME/*.cc but main.cc as the library gatehouse_NAME.
# PRECOMPILE names the heavy headers of libraries that most files of the room include.
# A room may include another room's headers only when it names it here.
function(gatehouse_room name)
  cmake_parse_arguments(arg "" "" "ROOMS;LINKS;PRECOMPILE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/userspace/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT sources)
    return()
  endif()
  add_library(gatehouse_${name} STATIC EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(gatehouse_${name} PUBLIC gatehouse_options ${arg_LINKS})
  # Sanitizers make headers slow to compile: there several files are compiled as one. The other builds, and lint, see each by itself.
  if(GATEHOUSE_SANITIZE AND NOT GATEHOUSE_FUZZ)
    set_target_properties(gatehouse_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
  if(arg_PRECOMPILE)
    target_precompile_headers(gatehouse_${name} PRIVATE ${arg_PRECOMPILE})
  endif()
  foreach(room ${arg_ROOMS})
    target_link_libraries(gatehouse_${name} PUBLIC gatehouse_${room})
  endforeach()
endfunction()

# gatehouse_program(NAME ROOM DIRECTORY): the binary NAME from userspace/ROOM/main.cc and its room, installed into DIRECTORY.
function(gatehouse_program name room directory)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/userspace/${room}/main.cc)
    return()
  endif()
  add_executable(${name} ${CMAKE_SOURCE_DIR}/userspace/${room}/main.cc)
  target_link_libraries(${name} PRIVATE gatehouse_${room})
  install(TARGETS ${name} RUNTIME DESTINATION ${directory})
endfunction()
