#!/usr/bin/env bash
# Builds presets one after the other, with what processor time nothing else wants: for a machine that tests meanwhile. What fails here fails
# again, and is shown, where it is needed; so this always exits with 0.
#
#   scripts/build_ahead.sh PRESET...
set -uo pipefail
cd "$(dirname "$0")/.." || exit 0

for preset in "$@"; do
  targets=()
  if [ "$preset" = release ]; then targets=(--target gatehoused gatehouse gatehouse-rdp); fi  # those of scripts/demo.sh
  mkdir -p build
  { nice -n 19 cmake --preset "$preset" && nice -n 19 cmake --build --preset "$preset" -j 1 "${targets[@]}"; } > "build/$preset.ahead.log" 2>&1
done
exit 0
