#!/usr/bin/env bash
# Builds presets one after the other, with what processor time nothing else wants: for a machine that tests meanwhile. What fails here fails
# again, and is shown, where it is needed; so this always exits with 0.
#
#   scripts/build_ahead.sh PRESET...
set -uo pipefail
cd "$(dirname "$0")/.." || exit 0

mkdir -p build
for preset in "$@"; do
  { nice -n 19 cmake --preset "$preset" && nice -n 19 cmake --build --preset "$preset" -j "$(nproc)"; } > "build/$preset.ahead.log" 2>&1
done
exit 0
