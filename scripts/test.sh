#!/usr/bin/env bash
# Builds and runs the tests. Needs root: the tests of the kernel's part make namespaces and load BPF programs, and never skip.
#
#   scripts/test.sh [--preset dev] [PART...]      without a part: all
#
#   unit    build/release: every room by itself
#   netns   build/release: the real daemon in network namespaces
#   e2e     build/release: real programs at both ends (RDP servers and clients, a browser)
#   asan    unit and netns again under AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan    both again under ThreadSanitizer
#   fuzz    build/asan: ten seconds for each fuzz target, from its corpus
#   dev     build/dev: every file compiles by itself, without a warning
#   lint    scripts/lint.sh: formatting, clang-tidy, shellcheck, headers that stand alone
#   vm      vm-tests/run.sh: kernel and netns tests on the kernels of the distributions
#   vm-quick  a few of them on each kernel; not part of all
#   all     everything above
#
# What is tested is what is shipped, build/release. With --preset dev it is build/dev: without optimization, each file compiled by itself.
# A line for each part, and at the end the plain line 'N passed, N failed'. Logs of the builds: build/PRESET.log. Exits non-zero at any failure.
set -euo pipefail
cd "$(dirname "$0")/.."

parts=() plain=release
while [ $# -gt 0 ]; do
  case "$1" in
    --preset)
      case "${2:-}" in dev|release) plain=$2 ;; *) echo "test: --preset is dev or release" >&2; exit 2 ;; esac
      shift ;;
    unit|netns|asan|tsan|fuzz|dev|lint|e2e|vm|vm-quick) parts+=("$1") ;;
    all) parts+=(unit netns e2e asan tsan fuzz dev lint vm) ;;
    -h|--help) sed -n '2,21s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test: no part '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done
if [ ${#parts[@]} = 0 ]; then parts=(unit netns e2e asan tsan fuzz dev lint vm); fi
[ "$(id -u)" = 0 ] || { echo "test: needs root, for namespaces and BPF: run it with sudo" >&2; exit 1; }
command -v cmake > /dev/null || { echo "test: cmake is not installed: run scripts/setup.sh" >&2; exit 1; }

jobs=$(nproc)
passed=0 failed=0 summary=()
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# conclude PART SECONDS_AT_START PASSED FAILED [NOTE]
conclude() {
  local line="$1: $3 passed, $4 failed ($((SECONDS - $2)) s)${5:+, $5}"
  passed=$((passed + $3))
  failed=$((failed + $4))
  summary+=("$line")
  echo "== $line"
}

declare -A built=()
# build PRESET: once; its output goes to a log, of which the end is shown when it fails.
build() {
  local preset=$1 start=$SECONDS
  [ -z "${built[$preset]:-}" ] || return "${built[$preset]}"
  built[$preset]=1
  mkdir -p build
  echo "== building $preset (build/$preset.log)"
  if cmake --preset "$preset" > "build/$preset.log" 2>&1 && cmake --build --preset "$preset" -j "$jobs" >> "build/$preset.log" 2>&1; then
    built[$preset]=0
    echo "   built in $((SECONDS - start)) s"
    return 0
  fi
  grep -E 'error|FAILED|undefined reference' "build/$preset.log" | head -n 20 || true
  tail -n 15 "build/$preset.log"
  return 1
}

# run_ctest PART PRESET LABELS: the tests with one of the labels, several at a time, for many of them wait. The machines are shared: a test that
# fails is tried once more, and ctest shows that it was.
run_ctest() {
  local part=$1 preset=$2 labels=$3 start=$SECONDS total bad status=0
  if ! build "$preset"; then
    conclude "$part" "$start" 0 1 "the build of $preset failed: build/$preset.log"
    return 0
  fi
  start=$SECONDS
  local before=()
  # With the address space laid out at random ThreadSanitizer does not find room for its shadow memory on newer kernels.
  if [ "$preset" = tsan ]; then before=(setarch -R); fi
  # A session of the e2e tests is half a dozen programs by itself, with pictures that are waited for.
  local at_once=$((3 * jobs)) tries=2
  if [ "$part" = e2e ]; then at_once=$((2 * jobs)) tries=3; fi
  "${before[@]}" ctest --test-dir "build/$preset" -L "$labels" -j "$at_once" --no-tests=error --repeat "until-pass:$tries" --output-on-failure 2>&1 | tee "$work/output" || status=1
  total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$work/output" | tail -n 1)
  bad=$(sed -n 's/.*tests passed, \([0-9]*\) tests failed out of .*/\1/p' "$work/output" | tail -n 1)
  if [ -z "$total" ] || { [ "$status" != 0 ] && [ "${bad:-0}" = 0 ]; }; then
    conclude "$part" "$start" 0 1 "ctest did not come to an end"
    return 0
  fi
  conclude "$part" "$start" $((total - bad)) "$bad"
}

# Takes its two numbers from the last line 'N passed, N failed' of a script that counts for itself.
run_script() {
  local part=$1 start=$SECONDS status=0 line
  shift
  "$@" 2>&1 | tee "$work/output" || status=1
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/output" | tail -n 1 || true)
  if [ -z "$line" ] || { [ "$status" != 0 ] && [[ $line == *' 0 failed' ]]; }; then
    conclude "$part" "$start" 0 1 "'$*' did not come to an end"
    return 0
  fi
  read -r good _ bad _ <<< "$line"
  conclude "$part" "$start" "$good" "$bad"
}

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
for part in "${parts[@]}"; do
  case "$part" in
    unit) run_ctest unit "$plain" '^unit$' ;;
    netns) run_ctest netns "$plain" '^netns$' ;;
    asan|tsan)
      # Sanitizers slow everything down: the tests multiply their time limits by this.
      export GATEHOUSE_TEST_PATIENCE=4
      run_ctest "$part" "$part" '^(unit|netns)$'
      unset GATEHOUSE_TEST_PATIENCE ;;
    fuzz) run_ctest fuzz asan '^fuzz$' ;;
    dev)
      start=$SECONDS
      if build dev; then conclude dev "$start" 1 0; else conclude dev "$start" 0 1 "its build failed: build/dev.log"; fi ;;
    lint) run_script lint scripts/lint.sh ;;
    e2e) run_ctest e2e "$plain" '^e2e$' ;;
    vm|vm-quick)
      start=$SECONDS
      options=()
      if [ "$part" = vm-quick ]; then options=(--quick); fi
      if build "$plain"; then run_script "$part" vm-tests/run.sh --build "build/$plain" "${options[@]}"; else conclude "$part" "$start" 0 1 "the build of $plain failed"; fi ;;
  esac
done

echo
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
