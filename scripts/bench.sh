#!/usr/bin/env bash
# How fast Gatehouse is, beside HAProxy, nginx, plain routing, freerdp-proxy3 and PyRDP in the same run, and against the figures it was designed
# for. Needs root and what scripts/setup.sh installs. docs/performance.md says what each row means.
#
#   scripts/bench.sh                        builds what is missing and measures everything (about half an hour)
#   scripts/bench.sh --quick                the same in a few minutes: single short rounds, good for a first look
#   scripts/bench.sh --json FILE            writes the rows as a list of {name, unit, ours, peer, peer_value, ratio} too
#   scripts/bench.sh --only decision        one part only: decision, packet, rustdesk, network or rdp
#   scripts/bench.sh --build DIRECTORY      uses this build directory instead of build/release
#
# A ratio above 1 means that Gatehouse is better than the peer.
set -euo pipefail

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
wrong() { echo "bench: $* (see --help)" >&2; exit 2; }
parts=(decision packet rustdesk network rdp)
quick=() json='' build=''
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=(--quick) ;;
    --json) [ $# -gt 1 ] || wrong "--json needs a file"; json=$(realpath -m -- "$2"); shift ;;
    --build) [ $# -gt 1 ] || wrong "--build needs a directory"; build=$(realpath -m -- "$2"); shift ;;
    --only)
      case ${2:-} in decision | packet | rustdesk | network | rdp) parts=("$2") ;; *) wrong "--only needs decision, packet, rustdesk, network or rdp" ;; esac
      shift ;;
    -h | --help) usage; exit 0 ;;
    *) wrong "unknown option '$1'" ;;
  esac
  shift
done
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "bench: needs root, for namespaces and BPF: run it with sudo" >&2; exit 1; }
for tool in cmake jq ip; do command -v "$tool" > /dev/null || { echo "bench: $tool is missing: run scripts/setup.sh" >&2; exit 1; }; done
if [ -n "$json" ] && ! { [ -d "$(dirname "$json")" ] && [ -w "$(dirname "$json")" ]; }; then
  echo "bench: $(dirname "$json") cannot be written: give another --json" >&2
  exit 1
fi

needs_rustdesk=$(printf '%s\n' "${parts[@]}" | grep -x rustdesk || true)
if [ -n "$needs_rustdesk" ]; then
  for tool in python3 nft setpriv; do command -v "$tool" > /dev/null || { echo "bench: $tool is missing: run scripts/setup.sh" >&2; exit 1; }; done
fi

needs_network=$(printf '%s\n' "${parts[@]}" | grep -x network || true)
if [ -n "$needs_network" ]; then
  for tool in haproxy nginx iperf3 wrk curl; do command -v "$tool" > /dev/null || { echo "bench: $tool is missing: run scripts/setup.sh" >&2; exit 1; }; done
fi

needs_rdp=$(printf '%s\n' "${parts[@]}" | grep -x rdp || true)
if [ -n "$needs_rdp" ]; then
  for tool in freerdp-shadow-cli3 freerdp-proxy3 Xvfb xset xsetroot openssl; do
    command -v "$tool" > /dev/null || { echo "bench: $tool is missing: run scripts/setup.sh" >&2; exit 1; }
  done
fi

echo "== Building" >&2
cmake --preset release -B "${build:=$PWD/build/release}" > /dev/null
targets=()
for part in "${parts[@]}"; do
  case $part in
    rustdesk) targets+=(gatehoused gatehouse rustdesk_bench heartbeats) ;;
    network) targets+=(gatehoused gatehouse idle_connections first_drop stall) ;;
    rdp) targets+=(gatehoused gatehouse gatehouse-rdp rdp_load desktop_window) ;;
    *) targets+=("${part}_bench") ;;
  esac
done
cmake --build "$build" --target "${targets[@]}" >&2

lines=$(mktemp /tmp/gatehouse-bench-rows.XXXXXX)
running=
clean_up() {
  local status=$?
  trap - EXIT INT TERM
  # The part that runs cleans up after itself.
  if [ -n "$running" ] && kill "$running" 2> /dev/null; then wait "$running" || true; fi
  rm -f "$lines" "$lines.part"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

table() {
  jq -rs '["", "ours", "peer", "", "unit", "ratio"],
          (.[] | [.name, .ours, .peer_value, .peer, .unit, .ratio] | map(if type == "number" then (if . >= 100 then round elif . >= 10 then (. * 10 | round / 10) else (. * 100 | round / 100) end | tostring) else . end))
          | join("\t")' "$1" |
    awk -F '\t' '{ printf "%-62s %10s %10s  %-18s %-7s %7s%s\n", $1, $2, $3, $4, $5, $6, (NR > 1 && $6 != "" && $6 < 1) ? " <" : "" }'
}
run() {  # COMMAND...: its rows
  "$@" "${quick[@]}" >> "$lines" &
  running=$!
  wait "$running"
  running=
}
for part in "${parts[@]}"; do
  echo "== Measuring: $part" >&2
  begun=$(wc -l < "$lines")
  case $part in
    network | rdp) run "tests/bench/$part.sh" "$build/bin" ;;
    rustdesk)
      run "$build/bin/rustdesk_bench"
      run tests/bench/rustdesk.py "$build/bin" ;;
    *) run "$build/bin/${part}_bench" ;;
  esac
  tail -n "+$((begun + 1))" "$lines" > "$lines.part"
  table "$lines.part"
  rm -f "$lines.part"
done
if [ -n "$json" ]; then
  jq -s . "$lines" > "$json"
  echo "written to $json" >&2
fi
