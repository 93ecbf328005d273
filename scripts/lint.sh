#!/usr/bin/env bash
# What can be said about the sources without running them: formatting (clang-format), faults (clang-tidy), shell scripts (shellcheck), and
# that every header compiles by itself. Compiles with clang, so that the project stays one for both compilers.
#
#   scripts/lint.sh [--fast]      --fast: without clang-tidy
#
# Each file that was looked at counts once; ends with the plain line 'N passed, N failed'.
set -euo pipefail
cd "$(dirname "$0")/.."

fast=''
case "${1:-}" in
  '') ;;
  --fast) fast=1 ;;
  -h|--help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "lint: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac
for tool in clang++-19 clang-format-19 clang-tidy-19 shellcheck cmake ninja jq; do
  command -v "$tool" > /dev/null || { echo "lint: $tool is not installed: run scripts/setup.sh" >&2; exit 1; }
done
jobs=$(nproc)
passed=0 failed=0
build=$PWD/build/lint

# A configuration of its own: each room as one file, for the libraries' headers are most of the work.
# no-deprecated-declarations: GCC 12's own std::stable_sort uses what C++17 deprecated.
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_C_COMPILER=clang-19 \
  -DCMAKE_CXX_FLAGS=-Wno-deprecated-declarations -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DGATEHOUSE_UNITY=ON -DGATEHOUSE_UNITY_FILES=0 \
  -DGATEHOUSE_TESTS=OFF > /dev/null
ninja -C "$build" bpf_steer_build bpf_guard_build > /dev/null
export build

# each WHAT COMMAND: runs `COMMAND FILE` for every file of the standard input, several at once; a file passes when that is silent and exits 0.
each() {
  local what=$1 start=$SECONDS good bad
  export lint_command=$2
  # shellcheck disable=SC2016
  xargs -d '\n' -P "$jobs" -n 1 bash -c '
    if output=$(eval "$lint_command" 2>&1 < /dev/null) && [ -z "$output" ]; then echo "ok $1"
    else printf "%s\n" "$output" "failed $1"; fi' each > "$build/lint.out"
  good=$(grep -c '^ok ' "$build/lint.out" || true)
  bad=$(grep -c '^failed ' "$build/lint.out" || true)
  grep -v '^ok ' "$build/lint.out" || true
  passed=$((passed + good))
  failed=$((failed + bad))
  echo "$what: $good passed, $bad failed ($((SECONDS - start)) s)"
  if [ $((good + bad)) = 0 ]; then
    echo "lint: $what found no files" >&2
    failed=$((failed + 1))
  fi
}

# shellcheck disable=SC2016  # "$1" is the file, in the shell that each() starts
{
  each clang-format 'clang-format-19 --dry-run -Werror "$1"' \
    < <(find userspace tests bpf \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) | sort)
  each shellcheck 'shellcheck -x "$1"' < <({ find scripts tests vm-tests -name '*.sh'; echo .ci/run; echo vm-tests/init; } | sort)
  flags=$(pkg-config --cflags libbpf libmnl libnftnl sqlite3 freerdp3 winpr3 | sed "s/-I/-isystem /g")
  export flags
  each headers 'clang++-19 -std=c++23 -fsyntax-only -Wall -Wextra -Wno-pragma-once-outside-header -DBOOST_ASIO_NO_DEPRECATED \
    -DGATEHOUSE_VERSION=\"lint\" -DSPDLOG_FMT_EXTERNAL -DSPDLOG_COMPILED_LIB -Iuserspace -Ibpf -Itests -isystem "$build/bpf" $flags -x c++ "$1"' \
    < <(find userspace tests/support -name '*.h' | sort)
  if [ -z "$fast" ]; then
    jq -r '.[].file | select(test("/Unity/unity_[0-9]+_cxx\\.cxx$"))' "$build/compile_commands.json" | grep -F '/gatehouse_' | grep -v '/gatehouse_support' > "$build/unity"
    find "$PWD/userspace" -name main.cc >> "$build/unity"
    each clang-tidy 'clang-tidy-19 --quiet --checks=-bugprone-suspicious-include -p "$build" "$1" 2> >(grep -vE "warnings? generated|^Suppressed|^Use -header-filter" >&2)' < "$build/unity"
    looked_at=$(xargs grep -hc '^#include.*/userspace/.*\.cc"' < "$build/unity" | awk '{ sum += $1 } END { print sum }')
    there=$(find userspace -name '*.cc' -not -name main.cc | wc -l)
    if [ "$looked_at" != "$there" ]; then
      echo "lint: clang-tidy looked at $looked_at files of $there: remove $build and try again" >&2
      failed=$((failed + 1))
    fi
  fi
}

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
