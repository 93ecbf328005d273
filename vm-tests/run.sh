#!/usr/bin/env bash
# Runs the kernel's unit tests and the netns tests inside virtual machines on the kernels that distributions ship: QEMU without
# hardware virtualisation, Debian's cloud kernels straight from apt (nothing of them is installed), everything else in an initramfs.
#
#   vm-tests/run.sh [--kernel 6.1|6.12|all] [--filter GTEST_FILTER] [--build DIRECTORY] [--tests "PROGRAM..."] [--quick]
#
#   --kernel   one series, or all of them (default)
#   --filter   as --gtest_filter; without blanks
#   --build    where the test programs were built; default: build/release, built first
#   --tests    programs instead of all of unit_kernel and netns_*
#   --quick    of the gate's tests those that show that the kernel steers, denies, bans and keeps what it must: some minutes
#
# A panic of the guest counts as a fault of the emulator: that program is tried again, twice at most. A test program that fails or never reports, and anything the
# kernel complains about in its log, is a failure. Logs: build/vm/logs. Ends with a line 'N passed, N failed'.
set -euo pipefail
cd "$(dirname "$0")/.."

kernels=all filter='*' build='' only=''
while [ $# -gt 0 ]; do
  case "$1" in
    --kernel|--filter|--build|--tests) [ $# -ge 2 ] || { echo "vm-tests: $1 wants a value" >&2; exit 2; } ;;
  esac
  case "$1" in
    --kernel) kernels=$2; shift 2 ;;
    --filter) filter=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --tests) only=$2; shift 2 ;;
    --quick)
      only=netns_gate
      filter='*/Steering.KeepsThe*:*/Steering.NeverReaches*:*/Gate.AllowsAGrant*:*/Gate.DropsTheSecond*:*/Gate.ForgetsAVerdict*:*/Bans.A*:*/Restart.Killed*'
      shift ;;
    -h|--help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "vm-tests: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
done
case "$kernels" in
  all) series=(6.1 6.12) ;;
  6.1|6.12) series=("$kernels") ;;
  *) echo "vm-tests: no kernel '$kernels': 6.1, 6.12 or all" >&2; exit 2 ;;
esac
case "$filter" in *[[:space:]]*) echo "vm-tests: a filter cannot hold blanks" >&2; exit 2 ;; esac
command -v qemu-system-x86_64 > /dev/null || { echo "vm-tests: qemu-system-x86_64 is not installed: run scripts/setup.sh" >&2; exit 1; }

if [ -z "$build" ]; then
  build=build/release
  cmake --preset release > /dev/null
  cmake --build --preset release
fi
bin=$build/bin
if [ -n "$only" ]; then
  read -ra tests <<< "$only"
else
  tests=()
  for program in "$bin"/unit_kernel "$bin"/netns_*; do
    if [ -x "$program" ]; then tests+=("${program##*/}"); fi
  done
fi
[ ${#tests[@]} -gt 0 ] || { echo "vm-tests: no test programs in $bin: build them first" >&2; exit 1; }
for program in "${tests[@]}"; do
  [ -x "$bin/$program" ] || { echo "vm-tests: $bin/$program is not there: build it first" >&2; exit 1; }
done

# HAProxy needs a processor with cmpxchg16b; the emulated one goes without it (-cx16 below), for kernels panic over how QEMU does it.
# That one test runs outside of the machines only (scripts/test.sh netns), and those of the decision hook, whose example needs Python.
left_out='*.ARealHaproxyReadsTheProxyHeader/*:*/Hook.*'
case "$filter" in *-*) filter=$filter:$left_out ;; *) filter="$filter:-$left_out" ;; esac
whole=''
case "$filter" in '*:-'*) whole=1 ;; esac

cache=build/vm logs=build/vm/logs
mkdir -p "$logs"
patience=5            # everything takes longer in an emulator; the tests multiply their time limits by this
program_seconds=3000  # for one test program
boot_seconds=180
machine=''
work=$(mktemp -d)
trap '[ -z "$machine" ] || kill -9 "$machine" 2> /dev/null || true; rm -rf "$work"' EXIT

# boot KERNEL INITRAMFS NAME: runs the machine to its end and shows results as they come. Returns 0 when it powered off by itself after its last
# word, 1 when it panicked, 2 when it stopped saying anything.
boot() {
  local kernel=$1 initramfs=$2 name=$3 shown=0 total line limit
  : > "$work/results"
  # One thread for both processors: with two, one may go on with code that the other one's kernel has just patched, and panic (int3).
  qemu-system-x86_64 -machine q35 -accel tcg,thread=single -cpu max,-cx16 -smp 2 -m 1536M -nodefaults -nographic -no-reboot \
    -kernel "$kernel/vmlinuz" -initrd "$initramfs" \
    -append "console=ttyS0 panic=-1 loglevel=4 gatehouse.filter=$filter gatehouse.patience=$patience gatehouse.seconds=$program_seconds" \
    -serial "file:$logs/$name.console" -serial "file:$work/results" -monitor none < /dev/null > "$logs/$name.qemu" 2>&1 &
  machine=$!
  limit=$((SECONDS + boot_seconds))
  while :; do
    total=$(wc -l < "$work/results")
    while [ "$shown" -lt "$total" ]; do
      shown=$((shown + 1))
      line=$(sed -n "${shown}p" "$work/results" | tr -d '\r')
      case "$line" in
        boot*) echo "  [$SECONDS s] booted ${line#boot }" ;;
        start*) echo "  [$SECONDS s] ${line#start } ..." ;;
        result*) echo "  [$SECONDS s] ${line#result } (exit code, passed, failed)" ;;
        splat*) echo "  the kernel complained: ${line#splat }" ;;
      esac
      limit=$((SECONDS + program_seconds + 120))
    done
    kill -0 "$machine" 2> /dev/null || break
    if [ "$SECONDS" -ge "$limit" ]; then
      kill -9 "$machine" 2> /dev/null || true
      wait "$machine" 2> /dev/null || true
      machine=''
      return 2
    fi
    sleep 0.5
  done
  wait "$machine" || true
  machine=''
  if grep -aqE 'Kernel panic|double fault' "$logs/$name.console"; then return 1; fi
  grep -q '^done' "$work/results" || return 2
}

passed=0 failed=0
for one in "${series[@]}"; do
  echo "== Linux $one"
  status=0
  kernel=$(vm-tests/kernel.sh "$one" "$cache") || status=$?
  if [ "$status" = 3 ] && [ "$kernels" = all ] && [ "$one" = 6.1 ] && ! grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
    echo "  not run: this Debian release does not offer Linux $one"
    continue
  elif [ "$status" != 0 ]; then
    echo "  there is no kernel to run on"
    failed=$((failed + 1))
    continue
  fi
  echo "  left out: $left_out (HAProxy does not run on the emulated processor, and the hook's example needs Python)"
  echo "  $(cat "$kernel/version"), ${#tests[@]} test programs"
  # A machine for each program: a panic of the emulator's costs that program only.
  for program in "${tests[@]}"; do
    vm-tests/initramfs.sh "$kernel" "$bin" "$work/initramfs" "$program"
    for attempt in 1 2 3; do
      status=0
      boot "$kernel" "$work/initramfs" "$one.$program" || status=$?
      if [ "$status" != 1 ] || [ "$attempt" = 3 ]; then break; fi
      cp "$logs/$one.$program.console" "$logs/$one.$program.panic"
      echo "  the guest panicked ($logs/$one.$program.panic): once more"
    done
    if [ "$status" != 0 ]; then
      echo "  the machine did not finish; the last it said ($logs/$one.$program.console):"
      tail -n 30 "$logs/$one.$program.console" | tr -d '\r' | sed 's/^/    /'
      failed=$((failed + 1))
    fi
    read -r _ _ code good bad < <(tr -d '\r' < "$work/results" | grep "^result $program " || echo "result $program missing 0 0")
    passed=$((passed + good))
    failed=$((failed + bad))
    if [ "$code" != 0 ]; then
      # A program that died has not counted itself.
      [ "$bad" -gt 0 ] || failed=$((failed + 1))
      echo "  FAILED: $program (exit code $code)"
    elif [ "$good" = 0 ] && [ -n "$whole" ]; then
      echo "  FAILED: $program ran no test"
      failed=$((failed + 1))
    fi
    if grep -q '^splat' "$work/results"; then failed=$((failed + 1)); fi
    if grep -aq '^\[  FAILED  \]' "$logs/$one.$program.console"; then
      tr -d '\r' < "$logs/$one.$program.console" | grep -aE '^\[  FAILED  \]' | sort -u | sed 's/^/    /'
    fi
  done
done
if [ "$passed" = 0 ]; then
  echo "vm-tests: no test was run" >&2
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
