# One interface target with the flags of every C++ target: warnings are errors, and the sanitizers of the preset.
add_library(gatehouse_options INTERFACE)
target_compile_options(gatehouse_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
                            -Woverloaded-virtual -Wimplicit-fallthrough>
  -fno-omit-frame-pointer -fstack-protector-strong)
target_include_directories(gatehouse_options INTERFACE ${CMAKE_SOURCE_DIR}/userspace ${CMAKE_SOURCE_DIR}/bpf)
target_compile_definitions(gatehouse_options INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT
  GATEHOUSE_VERSION="${PROJECT_VERSION}")
target_link_libraries(gatehouse_options INTERFACE Threads::Threads)
if(GATEHOUSE_SANITIZE)
  target_compile_options(gatehouse_options INTERFACE -fsanitize=${GATEHOUSE_SANITIZE} -g1)
  target_link_options(gatehouse_options INTERFACE -fsanitize=${GATEHOUSE_SANITIZE})
  if(GATEHOUSE_SANITIZE MATCHES "undefined")
    # vptr: it asks through a pipe whether memory can be read, and calls every object bad where no descriptor is left (tests do that).
    target_compile_options(gatehouse_options INTERFACE -fno-sanitize-recover=all -fno-sanitize=vptr)
  endif()
  # The sanitizers' libraries shared, so that a test may bring an operator new of its own; libFuzzer comes with the static ones.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.asan-${CMAKE_SYSTEM_PROCESSOR}.so OUTPUT_VARIABLE sanitizer_library
      OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    cmake_path(GET sanitizer_library PARENT_PATH sanitizer_libraries)
    target_link_options(gatehouse_options INTERFACE -fuse-ld=lld
      $<$<NOT:$<BOOL:$<TARGET_PROPERTY:WITH_LIBFUZZER>>>:-shared-libsan;-Wl,-rpath,${sanitizer_libraries}>)
  endif()
  # Warnings are the plain builds' business.
  target_compile_options(gatehouse_options INTERFACE -w)
else()
  target_compile_options(gatehouse_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    # GCC 12's flow analysis of inlined std::string and coroutines sees overruns that are not there (its bugs 105329, 105651). The debug
    # build, clang and the sanitizers look at the same code without them.
    target_compile_options(gatehouse_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds -Wno-stringop-overflow
      -Wno-stringop-overread -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer>)
  endif()
  if(GATEHOUSE_UNITY)
    # Of files that are put together: their names seem to hide each other, and their anonymous namespaces to be in a header.
    target_compile_options(gatehouse_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-shadow>
      $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
  endif()
endif()
if(GATEHOUSE_FUZZ)
  # What libFuzzer is led by; tests take no notice.
  target_compile_options(gatehouse_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
