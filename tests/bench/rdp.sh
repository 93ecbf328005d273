#!/usr/bin/env bash
# The RDP part of scripts/bench.sh: three namespaces (client, gateway, backend) and a desktop of freerdp-shadow in the last one. The way to it
# is direct, through our relay, through our worker without and with recording, through freerdp-proxy3, and through PyRDP where its Python
# package can be installed; all in one run, taking turns. JSON lines on the standard output, progress on the standard error. Leaves nothing
# behind but PyRDP's own Python environment, in the build directory.
#
#   tests/bench/rdp.sh BIN_DIRECTORY [--quick]
set -euo pipefail

bin=$1
rounds=3 each=4 clicks=45 window=6 many=40
if [ "${2:-}" = --quick ]; then rounds=1 each=4 clicks=20 window=3 many=10; fi

id=ghr$$
client=$id-client gate=$id-gate back=$id-back
dir=$(mktemp -d /tmp/gatehouse-bench.XXXXXX)
export HOME=$dir  # FreeRDP makes certificates and keeps lists there
pids=()
mkdir -p "$dir/values" "$dir/bpf" "$dir/run" "$dir/state" "$dir/recordings"

die() { echo "bench: $*" >&2; exit 1; }
progress() { echo "  $*" >&2; }

clean_up() {
  local status=$? pid namespace
  trap - EXIT INT TERM
  if [ "$status" != 0 ]; then
    for log in "$dir"/*.log; do [ ! -s "$log" ] || { echo "--- the end of ${log##*/}" >&2; tail -n 10 "$log" >&2; }; done
  fi
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  local tries=100
  while [ "$tries" -gt 0 ] && kill -0 "${pids[@]}" 2> /dev/null; do sleep 0.1; tries=$((tries - 1)); done
  for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done
  umount "$dir/bpf" 2> /dev/null || true
  for namespace in "$client" "$gate" "$back"; do ip netns delete "$namespace" 2> /dev/null || true; done
  rm -rf "$dir"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

wait_until() {  # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "$what did not happen in time"
    sleep 0.05
  done
}
start() {  # NAMESPACE LOG COMMAND...: in the background; its process id is the last one of pids
  local namespace=$1 log=$2
  shift 2
  ip netns exec "$namespace" "$@" > "$dir/$log.log" 2>&1 &
  pids+=($!)
}
stop() {  # PID
  kill "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || true
  local left=() pid
  for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || left+=("$pid"); done
  pids=("${left[@]}")
}
listens() { ip netns exec "$1" ss -Hltn "sport = :$2" | grep -q .; }
gatehouse() { "$bin/gatehouse" --socket "$dir/run/control.sock" "$@"; }

# ---- values and rows
record() { echo "$3" >> "$dir/values/$1.$2"; }  # METRIC PATH VALUE
percentile() { sort -g "$dir/values/$2.$3" | awk -v p="$1" '{ v[NR] = $1 } END { if (!NR) exit 1; i = int(NR * p / 100 + 0.5); printf "%.6g", v[i < 1 ? 1 : i] }'; }
median() { percentile 50 "$1" "$2"; }
row() {  # NAME UNIT larger|smaller OURS PEER PEER_VALUE
  jq -nc --arg name "$1" --arg unit "$2" --arg better "$3" --argjson ours "$4" --arg peer "$5" --argjson value "$6" \
    'def ratio(a; b): if b == 0 then null else a / b end;
     {name: $name, unit: $unit, ours: $ours, peer: $peer, peer_value: $value, ratio: (if $better == "larger" then ratio($ours; $value) else ratio($value; $ours) end)}'
}
declare -A called=([direct]='no gateway' [relay]=relay [worker]=worker [recorded]='worker, recorded' [proxy3]=freerdp-proxy3 [pyrdp]=PyRDP)
rows() {  # NAME UNIT larger|smaller METRIC PERCENT OURS PEER...: one of ours against each; a peer that is not there is left out
  local name=$1 unit=$2 better=$3 metric=$4 percent=$5 ours=$6 peer
  shift 6
  for peer in "$@"; do
    [ -s "$dir/values/$metric.$peer" ] || continue
    row "$name: ${called[$ours]}" "$unit" "$better" "$(percentile "$percent" "$metric" "$ours")" "${called[$peer]}" "$(percentile "$percent" "$metric" "$peer")"
  done
}
compared() {  # NAME UNIT larger|smaller METRIC PERCENT
  rows "$@" relay direct proxy3
  rows "$@" worker direct proxy3 pyrdp
  rows "$@" recorded worker pyrdp
}
paths=(direct relay worker recorded proxy3)
# In each round another one begins, so that none always runs after the same other.
turn() { local first=$1 i; shift; for ((i = 0; i < $#; ++i)); do echo "${@:$(((first + i) % $# + 1)):1}"; done; }
declare -A target=([direct]='203.0.113.10 3389' [relay]='198.51.100.10 3389' [worker]='198.51.100.11 3389' [recorded]='198.51.100.12 3389'
  [proxy3]='192.0.2.1 13389' [pyrdp]='192.0.2.1 23389')
declare -A extra=([pyrdp]=--bitmaps)  # the pipeline is not for PyRDP

load() {  # PATH VERB ARGUMENT...
  local path=$1 verb=$2
  shift 2
  # shellcheck disable=SC2086
  timeout 180 ip netns exec "$client" "$bin/rdp_load" "$verb" ${target[$path]} "$@"
}

progress "namespaces, a desktop, freerdp-shadow, freerdp-proxy3, Gatehouse"
for namespace in "$client" "$gate" "$back"; do
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
done
wire() {  # NAMESPACE ADDRESS GATEWAY_ADDRESS INTERFACE
  ip link add "$4" netns "$gate" type veth peer name eth0 netns "$1"
  ip -n "$1" address add "$2/24" dev eth0
  ip -n "$gate" address add "$3/24" dev "$4"
  ip -n "$1" link set eth0 up
  ip -n "$gate" link set "$4" up
  ip -n "$1" route add default via "$3"
}
wire "$client" 192.0.2.10 192.0.2.1 client0
wire "$back" 203.0.113.10 203.0.113.1 back0
for last in 11 12; do ip -n "$back" address add "203.0.113.$last/24" dev eth0; done  # one server for each grant
ip netns exec "$gate" sysctl -qw net.ipv4.ip_forward=1

colour=2a6f97
# A number of its own, in a namespace of its own: X servers that look for a free one take sockets away from those of other namespaces.
export DISPLAY=:$((1000 + $$ % 30000))
start "$back" xvfb Xvfb "$DISPLAY" -screen 0 1024x768x24 -nolisten tcp -noreset
wait_until 15 "the X server" ip netns exec "$back" xset q
ip netns exec "$back" xsetroot -solid "#$colour"
start "$back" shadow freerdp-shadow-cli3 /port:3389 -auth /sec:tls
wait_until 20 "the RDP server" listens "$back" 3389

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bench -keyout "$dir/proxy3.key" -out "$dir/proxy3.crt" 2> /dev/null
cat > "$dir/proxy3.ini" <<INI
[Server]
Host=192.0.2.1
Port=13389
[Target]
Host=203.0.113.10
Port=3389
FixedTarget=true
[Channels]
GFX=true
PassthroughIsBlacklist=true
[Input]
Keyboard=true
Mouse=true
[Security]
ServerTlsSecurity=true
ServerNlaSecurity=false
ServerRdpSecurity=false
ClientTlsSecurity=true
ClientNlaSecurity=false
ClientRdpSecurity=false
[Certificates]
CertificateFile=$dir/proxy3.crt
PrivateKeyFile=$dir/proxy3.key
INI
WLOG_LEVEL=ERROR start "$gate" proxy3 freerdp-proxy3 "$dir/proxy3.ini"
declare -A gateway=([proxy3]=${pids[-1]})
wait_until 20 "freerdp-proxy3" listens "$gate" 13389

mount -t bpf bpf "$dir/bpf"
cat > "$dir/gatehouse.yaml" <<YAML
instance: bench
interfaces: [client0]
bpffs: $dir/bpf
state_dir: $dir/state
run_dir: $dir/run
login_records: off
rdp: { backend_security: tls, recordings: $dir/recordings, worker: $bin/gatehouse-rdp }
YAML
cat > "$dir/policy.yaml" <<'YAML'
pools:
  bench: [198.51.100.0/24]
users:
  client: { sources: [192.0.2.10] }
servers:
  relay: { address: 203.0.113.10 }
  worker: { address: 203.0.113.11 }
  recorded: { address: 203.0.113.12 }
services:
  relay-rdp: { server: relay, proxy_ip: 198.51.100.10, port: 3389, kind: relay, protocol: rdp }
  worker-rdp: { server: worker, proxy_ip: 198.51.100.11, port: 3389, kind: rdp }
  recorded-rdp: { server: recorded, proxy_ip: 198.51.100.12, port: 3389, kind: rdp }
grants:
  relay: { user: client, server: relay, channels: all, record: false }
  worker: { user: client, server: worker, channels: all, record: false }
  recorded: { user: client, server: recorded, channels: all, record: true }
YAML
start "$gate" gatehoused "$bin/gatehoused" --config "$dir/gatehouse.yaml"
for path in relay worker recorded; do gateway[$path]=${pids[-1]}; done
wait_until 20 "the start of gatehoused" gatehouse status
gatehouse apply "$dir/policy.yaml" --yes > /dev/null

# ---- PyRDP: its Python environment is made once; where that or a session fails, the reason stands in its rows' place
environment=$(realpath -m "$bin/../pyrdp")
no_pyrdp() {
  jq -nc --arg name "PyRDP 2.1: $(tr -d '\n' <<< "$1" | cut -c1-200)" '{name: $name, unit: "", ours: null, peer: "", peer_value: null, ratio: null}'
}
install_pyrdp() {
  [ ! -x "$environment/bin/pyrdp-mitm" ] || return 0
  local python=/usr/bin/python3
  [ -x "$python" ] || python=python3
  progress "PyRDP: its Python package"
  rm -rf "$environment"
  "$python" -m venv "$environment" > "$dir/pip.log" 2>&1 &&
    timeout 240 "$environment/bin/pip" install --disable-pip-version-check pyrdp-mitm==2.1.0 >> "$dir/pip.log" 2>&1
}
if ! install_pyrdp; then
  rm -rf "$environment"
  no_pyrdp "left out, its package cannot be installed: $(grep -v '^ *$' "$dir/pip.log" | tail -n 1)"
else
  start "$gate" pyrdp "$environment/bin/pyrdp-mitm" 203.0.113.10:3389 -a 192.0.2.1 -l 23389 -o "$dir/pyrdp"
  gateway[pyrdp]=${pids[-1]}
  if wait_until 20 "PyRDP" listens "$gate" 23389 && load pyrdp connect 1 --bitmaps > /dev/null 2> "$dir/pyrdp-try.log"; then
    paths+=(pyrdp)
  else
    no_pyrdp "left out, no session passes it: $(tail -n 1 "$dir/pyrdp-try.log")"
    stop "${gateway[pyrdp]}"
  fi
fi

# ---- measuring
processes() { echo "$1" "$(pgrep -P "$1" | tr '\n' ' ')"; }  # of a gateway: it and its workers
cpu_ns() {  # PATH: that all its processes have used
  local pid
  for pid in $(processes "${gateway[$1]}"); do cat "/proc/$pid/task/"*/schedstat 2> /dev/null || true; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}
memory_kib() {  # PATH: the share in memory of all its processes
  local pid
  for pid in $(processes "${gateway[$1]}"); do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2> /dev/null || true; done | awk '{ sum += $1 } END { print sum }'
}
settled() {  # PATH: until the sessions of before are gone
  sleep 0.7
  case $1 in relay | worker | recorded) wait_until 20 "the end of the sessions before" sh -c "[ \"\$('$bin/gatehouse' --socket '$dir/run/control.sock' --json status | jq .sessions_open)\" = 0 ]" ;; esac
}
hold() {  # PATH COUNT NAME [OPTION...]: sessions that stay; sets holder. Fails where they do not come up through PyRDP; through another one it is over
  local path=$1 count=$2 name=$3 end=$((SECONDS + 60))
  shift 3
  # shellcheck disable=SC2086
  start "$client" "$name" "$bin/rdp_load" hold ${target[$path]} "$count" "$@"
  holder=${pids[-1]}
  until grep -qs '^open' "$dir/$name.log" || ! kill -0 "$holder" 2> /dev/null || [ "$SECONDS" -ge "$end" ]; do sleep 0.1; done
  if grep -q '^open' "$dir/$name.log"; then return 0; fi
  [ "$path" = pyrdp ] || die "$count sessions through ${called[$path]} did not come up: $(tail -n 1 "$dir/$name.log")"
  no_pyrdp "$count sessions at once did not come up in time: $(tail -n 1 "$dir/$name.log")"
  kill -9 "$holder" 2> /dev/null || true
  stop "$holder"
  return 1
}
counted() {  # NAME: a line of its counts: TIME ALIVE FRAMES BYTES
  local before
  before=$(wc -l < "$dir/$1.log")
  kill -USR1 "$holder"
  wait_until 5 "an answer of rdp_load" sh -c "[ \$(wc -l < '$dir/$1.log') -gt $before ]"
  tail -n 1 "$dir/$1.log"
}
# One session for a while: records METRIC-cpu (% of a core), -frames (1/s), -per-frame (us), -per-mb (ms), -memory (MiB).
while_held() {  # PATH METRIC SECONDS [OPTION...]
  local path=$1 metric=$2 seconds=$3 name=$2-$1 before cpu from to cpu_after
  shift 3
  settled "$path"
  [ "$path" = direct ] || before=$(memory_kib "$path")
  hold "$path" 1 "$name" "$@" || return 0
  sleep 1
  [ "$path" = direct ] || cpu=$(cpu_ns "$path")
  from=$(counted "$name")
  sleep "$seconds"
  [ "$path" = direct ] || cpu_after=$(cpu_ns "$path")
  to=$(counted "$name")
  if [ "$path" != direct ]; then
    record "$metric-memory" "$path" "$(awk -v a="$before" -v b="$(memory_kib "$path")" 'BEGIN { print (b - a > 10 ? b - a : 10) / 1024 }')"
  fi
  stop "$holder"
  local values
  read -ra values < <(awk -v from="$from" -v to="$to" -v ns="$((${cpu_after:-0} - ${cpu:-0}))" 'BEGIN {
    split(from, a, " "); split(to, b, " "); time = b[1] - a[1]; frames = b[3] - a[3]; mb = (b[4] - a[4]) / 1e6
    print ns / 1e7 / time, frames / time, (frames ? ns / 1e3 / frames : 0), (mb ? ns / 1e6 / mb : 0), mb / time }')
  record "$metric-frames" "$path" "${values[1]}"
  record "$metric-mb" "$path" "${values[4]}"
  [ "$path" != direct ] || return 0
  record "$metric-cpu" "$path" "${values[0]}"
  record "$metric-per-frame" "$path" "${values[2]}"
  record "$metric-per-mb" "$path" "${values[3]}"
}

progress "connections and first frames: $rounds rounds of $each"
for ((round = 0; round < rounds; ++round)); do
  for path in $(turn "$round" "${paths[@]}"); do
    load "$path" connect "$each" ${extra[$path]:+"${extra[$path]}"} > "$dir/times" || die "no session through ${called[$path]}"
    while read -r active frame; do
      record active "$path" "$active"
      record frame "$path" "$frame"
    done < "$dir/times"
  done
done
compared "connect, active" ms smaller active 50
compared "connect, first frame" ms smaller frame 50

progress "first pictures: $rounds rounds of $each"
for ((round = 0; round < rounds; ++round)); do
  for path in $(turn "$round" "${paths[@]}"); do
    load "$path" picture "$each" "$colour" >> "$dir/values/picture.$path" || die "no picture through ${called[$path]}"
  done
done
compared "first picture" ms smaller picture 50

progress "clicks"
start "$back" flip "$bin/desktop_window" flip 200 200 300 300
flip=${pids[-1]}
sleep 0.5
for ((round = 0; round < rounds; ++round)); do
  for path in $(turn "$round" "${paths[@]}"); do
    load "$path" click "$((clicks / rounds))" 300 300 >> "$dir/values/click.$path" || die "no answer to clicks through ${called[$path]}"
  done
done
stop "$flip"
compared "click to pixel, p50" ms smaller click 50
compared "click to pixel, p90" ms smaller click 90

progress "a desktop on which only a clock moves"
start "$back" clock "$bin/desktop_window" motion 800 20 200 40 1
clock=${pids[-1]}
for path in "${paths[@]}"; do [ "$path" = direct ] || while_held "$path" idle "$window" ${extra[$path]:+"${extra[$path]}"}; done
stop "$clock"
rows "idle session, CPU" '% core' smaller idle-cpu 50 relay proxy3
rows "idle session, CPU" '% core' smaller idle-cpu 50 worker proxy3 pyrdp
rows "idle session, CPU" '% core' smaller idle-cpu 50 recorded worker pyrdp
row "idle session, CPU that recording adds" '% core' smaller "$(awk -v a="$(median idle-cpu worker)" -v b="$(median idle-cpu recorded)" 'BEGIN { print (b > a ? b - a : 0) }')" aim 10
rows "idle session, memory" MiB smaller idle-memory 50 relay proxy3
rows "idle session, memory" MiB smaller idle-memory 50 worker proxy3 pyrdp
rows "idle session, memory" MiB smaller idle-memory 50 recorded pyrdp

progress "a desktop in full motion, 800x600"
start "$back" motion "$bin/desktop_window" motion 100 80 800 600 30
motion=${pids[-1]}
for ((round = 0; round < (rounds + 1) / 2; ++round)); do
  for path in $(turn "$round" direct relay worker recorded proxy3); do while_held "$path" motion "$window"; done
done
rows "full motion, frames" 1/s larger motion-frames 50 relay direct proxy3
rows "full motion, frames" 1/s larger motion-frames 50 worker direct proxy3
rows "full motion, frames" 1/s larger motion-frames 50 recorded worker
rows "full motion, CPU" '% core' smaller motion-cpu 50 relay proxy3
rows "full motion, CPU" '% core' smaller motion-cpu 50 worker proxy3
rows "full motion, CPU" '% core' smaller motion-cpu 50 recorded worker
rows "full motion, CPU of a frame" us smaller motion-per-frame 50 relay proxy3
rows "full motion, CPU of a frame" us smaller motion-per-frame 50 worker proxy3
rows "full motion, CPU of a frame" us smaller motion-per-frame 50 recorded worker
rows "full motion, CPU of a megabyte" ms smaller motion-per-mb 50 worker proxy3
rows "full motion, memory" MiB smaller motion-memory 50 worker proxy3
rows "full motion, memory" MiB smaller motion-memory 50 recorded proxy3
row "full motion, memory: ${called[recorded]}" MiB smaller "$(median motion-memory recorded)" aim 64
# As PyRDP has it, so that both pass the same.
for path in worker recorded pyrdp; do
  case " ${paths[*]} " in *" $path "*) while_held "$path" bitmaps "$window" --bitmaps ;; esac
done
stop "$motion"
rows "bitmaps in full motion, passed" MB/s larger bitmaps-mb 50 worker pyrdp
rows "bitmaps in full motion, CPU of a megabyte" ms smaller bitmaps-per-mb 50 worker pyrdp
rows "bitmaps in full motion, CPU of a megabyte" ms smaller bitmaps-per-mb 50 recorded pyrdp
if [ -s "$dir/values/bitmaps-per-mb.pyrdp" ]; then
  for path in worker recorded; do
    row "sessions per core of the same load, times PyRDP's: ${called[$path]}" '' larger \
      "$(awk -v a="$(median bitmaps-per-mb pyrdp)" -v b="$(median bitmaps-per-mb "$path")" 'BEGIN { print a / b }')" aim 10
  done
fi

progress "$many sessions at once"
for path in "${paths[@]}"; do
  settled "$path"
  if [ "$path" != direct ]; then before=$(memory_kib "$path") cpu=$(cpu_ns "$path"); fi
  hold "$path" "$many" "many-$path" ${extra[$path]:+"${extra[$path]}"} || continue
  record many-open "$path" "$(awk '/^open/ { print $3 / 1000 }' "$dir/many-$path.log")"
  [ "$path" = direct ] || record many-cpu "$path" "$(awk -v ns="$(($(cpu_ns "$path") - cpu))" 'BEGIN { print ns / 1e9 }')"
  sleep 2
  if [ "$path" != direct ]; then
    record many-memory "$path" "$(awk -v a="$before" -v b="$(memory_kib "$path")" 'BEGIN { print (b - a > 10 ? b - a : 10) / 1024 }')"
    cpu=$(cpu_ns "$path")
    sleep 3
    record many-idle "$path" "$(awk -v ns="$(($(cpu_ns "$path") - cpu))" 'BEGIN { print ns / 3e7 }')"
  fi
  read -r _ alive _ _ < <(counted "many-$path")
  record many-alive "$path" "$alive"
  stop "$holder"
done
compared "$many sessions, until all are open" s smaller many-open 50
compared "$many sessions, alive" '' larger many-alive 50
rows "$many sessions, CPU to open them" s smaller many-cpu 50 relay proxy3
rows "$many sessions, CPU to open them" s smaller many-cpu 50 worker proxy3 pyrdp
rows "$many sessions, CPU to open them" s smaller many-cpu 50 recorded pyrdp
rows "$many sessions, memory" MiB smaller many-memory 50 relay proxy3
rows "$many sessions, memory" MiB smaller many-memory 50 worker proxy3 pyrdp
rows "$many sessions, memory" MiB smaller many-memory 50 recorded pyrdp
rows "$many idle sessions, CPU" '% core' smaller many-idle 50 worker proxy3 pyrdp
