# bpf_object(NAME SOURCE): compiles SOURCE with clang for the BPF target (CO-RE, BTF) and turns it into NAME.skel.h with bpftool.
# -mcpu=v2: with the 32-bit registers of v3 clang keeps values in half words of the stack, which Linux 6.1 refuses to programs without
# CAP_PERFMON (bpf/words.h).
# Links against it with the interface target bpf_NAME. The build reads nothing of the running kernel: bpf/vmlinux.h is the project's own.
find_program(BPF_CLANG NAMES clang-19 clang REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip-19 llvm-strip REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

function(bpf_object name source)
  set(object ${CMAKE_BINARY_DIR}/bpf/${name}.bpf.o)
  set(skeleton ${CMAKE_BINARY_DIR}/bpf/${name}.skel.h)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bpf
    COMMAND ${BPF_CLANG} -target bpf -mcpu=v2 -O2 -g -std=gnu17 -Wall -Wextra -Werror
            -I${CMAKE_SOURCE_DIR}/bpf -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=. -c ${CMAKE_SOURCE_DIR}/${source} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${headers}
    COMMENT "BPF ${name}" VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND sh -c "'${BPFTOOL}' gen skeleton '${object}' name ${name}_bpf > '${skeleton}'"
    DEPENDS ${object}
    COMMENT "BPF skeleton ${name}" VERBATIM)
  add_custom_target(bpf_${name}_build DEPENDS ${skeleton})
  add_library(bpf_${name} INTERFACE)
  add_dependencies(bpf_${name} bpf_${name}_build)
  # SYSTEM: the generated code is not ours to lint.
  target_include_directories(bpf_${name} SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/bpf)
endfunction()
