#!/usr/bin/env bash
# The network part of scripts/bench.sh: three namespaces (client, gateway, backend); Gatehouse, HAProxy, nginx stream and plain routing side by
# side between the same two of them, taking turns in several rounds; medians. JSON lines on the standard output, progress on the standard
# error. Measured with iperf3, wrk and the two small tools beside this file. Leaves nothing behind.
#
#   tests/bench/network.sh BIN_DIRECTORY [--quick]
set -euo pipefail

bin=$1
rounds=5 seconds=4
if [ "${2:-}" = --quick ]; then rounds=1 seconds=2; fi

id=ghb$$
client=$id-client gate=$id-gate back=$id-back
dir=$(mktemp -d /tmp/gatehouse-bench.XXXXXX)
pids=()
mkdir -p "$dir/values" "$dir/bpf" "$dir/run" "$dir/state" "$dir/nginx-http" "$dir/nginx-stream"

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
listens() { ip netns exec "$1" ss -Hltn "sport = :$2" | grep -q .; }
gatehouse() { "$bin/gatehouse" --socket "$dir/run/control.sock" "$@"; }

# ---- values and rows
record() { echo "$3" >> "$dir/values/$1.$2"; }  # METRIC PATH VALUE
median() { sort -g "$dir/values/$1.$2" | awk '{ v[NR] = $1 } END { if (!NR) exit 1; printf "%.6g", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
row() {  # NAME UNIT larger|smaller OURS PEER PEER_VALUE
  jq -nc --arg name "$1" --arg unit "$2" --arg better "$3" --argjson ours "$4" --arg peer "$5" --argjson value "$6" \
    '{name: $name, unit: $unit, ours: $ours, peer: $peer, peer_value: $value, ratio: (if $better == "larger" then $ours / $value else $value / $ours end)}'
}
rows() {  # NAME UNIT larger|smaller METRIC PATH...: ours against each
  local name=$1 unit=$2 better=$3 metric=$4 path
  shift 4
  for path in "$@"; do row "$name" "$unit" "$better" "$(median "$metric" gatehouse)" "${peer_name[$path]}" "$(median "$metric" "$path")"; done
}
declare -A peer_name=([haproxy]=HAProxy [nginx]='nginx stream' [plain]='plain routing')
paths=(gatehouse haproxy nginx plain)
proxies=(gatehouse haproxy nginx)
# In each round another one begins, so that none always runs after the same other.
turn() { local first=$1 i; shift; for ((i = 0; i < $#; ++i)); do echo "${@:$(((first + i) % $# + 1)):1}"; done; }
target() {  # PATH PORT: the address and the port where a path offers the backend's port
  case $1 in
    gatehouse) echo "198.51.100.10 $2" ;;
    haproxy) echo "192.0.2.1 $((10000 + $2))" ;;
    nginx) echo "192.0.2.1 $((20000 + $2))" ;;
    plain) echo "203.0.113.10 $2" ;;
  esac
}

# ---- limits: two descriptors a connection in one process
ulimit -n 65536 2> /dev/null || ulimit -n "$(ulimit -Hn)"
descriptors=$(ulimit -n)
held=$(((descriptors - 1000) / 2))
[ "$held" -lt 10000 ] || held=10000
progress "$descriptors descriptors a process: $held of 10000 open connections"

progress "namespaces, backend, HAProxy, nginx, Gatehouse"
for namespace in "$client" "$gate" "$back"; do
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  ip netns exec "$namespace" sysctl -qw net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=65535 \
    net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_tw_reuse=1
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
ip -n "$client" address add 192.0.2.66/24 dev eth0  # the one that is banned
ip -n "$client" address add 192.0.2.20/24 dev eth0  # of the second user
ip netns exec "$gate" sysctl -qw net.ipv4.ip_forward=1

# ---- the backend: HTTP on 8080, iperf3 on 5201, sinks on 9001 to 9003 (one for each proxy's idle connections)
nginx_head() {  # NAME
  echo "daemon off; pid $dir/$1/pid; error_log $dir/$1.log; worker_processes 2; worker_rlimit_nofile $descriptors;"
  echo "events { worker_connections $((descriptors - 500)); multi_accept on; }"
}
{ nginx_head nginx-http
  echo "http { access_log off; keepalive_timeout 0;"
  for place in client_body proxy fastcgi uwsgi scgi; do echo "  ${place}_temp_path $dir/nginx-http/$place;"; done
  echo "  server { listen 203.0.113.10:8080 reuseport backlog=65535; location / { return 200 'ok'; } } }"
} > "$dir/nginx-http.conf"
start "$back" nginx-http-output nginx -p "$dir/nginx-http" -c "$dir/nginx-http.conf"
start "$back" iperf3 iperf3 -s -p 5201
for port in 9001 9002 9003; do start "$back" "sink-$port" "$bin/idle_connections" sink 203.0.113.10 $port; done

# ---- the peers. Neither logs; each has two threads or processes, a queue of its own for each of them, and all the connections it may have.
{ echo "global"
  echo "  nbthread 2"
  echo "  maxpipes 128"
  echo "  maxconn $(((descriptors - 400) / 2))"
  echo "defaults"
  echo "  mode tcp"
  echo "  option splice-auto"
  echo "  backlog 65535"
  echo "  timeout connect 10s"
  echo "  timeout client 1h"
  echo "  timeout server 1h"
  for port in 8080 5201 9002; do
    echo "listen port$port"
    echo "  bind 192.0.2.1:$((10000 + port)) shards by-thread"
    echo "  server backend 203.0.113.10:$port"
  done
} > "$dir/haproxy.cfg"
start "$gate" haproxy haproxy -db -f "$dir/haproxy.cfg"
haproxy_pid=${pids[-1]}
{ echo "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"
  nginx_head nginx-stream
  echo "stream { access_log off; proxy_connect_timeout 10s; proxy_timeout 1h;"
  for port in 8080 5201 9003; do
    echo "  server { listen 192.0.2.1:$((20000 + port)) reuseport backlog=65535; proxy_pass 203.0.113.10:$port; }"
  done
  echo "}"
} > "$dir/nginx-stream.conf"
start "$gate" nginx-stream-output nginx -p "$dir/nginx-stream" -c "$dir/nginx-stream.conf"
nginx_pid=${pids[-1]}

# ---- Gatehouse, as it comes: session and audit rows of every connection go to the disk
mount -t bpf bpf "$dir/bpf"
cat > "$dir/gatehouse.yaml" <<YAML
instance: bench
interfaces: [client0]
bpffs: $dir/bpf
state_dir: $dir/state
run_dir: $dir/run
login_records: off
max_sessions: $((held + 200))
YAML
cat > "$dir/policy.yaml" <<'YAML'
pools:
  bench: [198.51.100.0/24]
users:
  client: { sources: [192.0.2.10] }
  second: { sources: [192.0.2.20] }
servers:
  backend: { address: 203.0.113.10 }
services:
  http: { server: backend, proxy_ip: 198.51.100.10, port: 8080, kind: relay, protocol: http }
  iperf: { server: backend, proxy_ip: 198.51.100.10, port: 5201, kind: relay, protocol: iperf }
  sink: { server: backend, proxy_ip: 198.51.100.10, port: 9001, kind: relay, protocol: echo }
grants:
  all: { user: client, server: backend }
  second-one: { user: second, server: backend }
YAML
start "$gate" gatehoused "$bin/gatehoused" --config "$dir/gatehouse.yaml"
gatehouse_pid=${pids[-1]}
wait_until 20 "the start of gatehoused" gatehouse status
gatehouse apply "$dir/policy.yaml" --yes > /dev/null
for port in 8080 5201 9001 9002 9003; do wait_until 10 "the backend's port $port" listens "$back" "$port"; done
for port in 18080 28080; do wait_until 10 "port $port of a peer" listens "$gate" "$port"; done

# ---- measuring
http_reaches() {  # PATH
  local address port
  read -r address port < <(target "$1" 8080)
  ip netns exec "$client" curl -sf -m 5 "http://$address:$port/" | grep -q ok
}
for path in "${paths[@]}"; do wait_until 5 "an answer through $path" http_reaches "$path"; done

connect() {  # PATH CONNECTIONS METRIC: records METRIC-rate, METRIC-p50 and METRIC-p99 (milliseconds)
  local address port result
  read -r address port < <(target "$1" 8080)
  result=$(ip netns exec "$client" wrk -t1 -c"$2" -d"${seconds}s" --timeout 5s --latency -H 'Connection: close' "http://$address:$port/")
  ! grep -E 'Socket errors|Non-2xx' <<< "$result" >&2 || progress "the errors above came through $1"
  awk '/Requests\/sec/ { exit !($2 > 0) }' <<< "$result" || die "not one connection through $1 in $seconds s"
  record "$3-rate" "$1" "$(awk '/Requests\/sec/ { print $2 }' <<< "$result")"
  for percent in 50 99; do
    record "$3-p$percent" "$1" "$(awk -v want="$percent%" '$1 == want { n = $2 + 0; if ($2 ~ /us$/) n /= 1000; else if ($2 !~ /ms$/) n *= 1000; print n }' <<< "$result")"
  done
}
throughput() {  # PATH METRIC IPERF3_OPTION...: records METRIC in Gbit/s
  local path=$1 metric=$2 address port result attempt
  shift 2
  read -r address port < <(target "$path" 5201)
  for attempt in 1 2 3; do
    result=$(ip netns exec "$client" iperf3 -J -c "$address" -p "$port" -t "$seconds" "$@") && break
    [ "$attempt" != 3 ] || die "iperf3 through $path: $(jq -r '.error // "failed"' <<< "$result")"
    sleep 0.5
  done
  record "$metric" "$path" "$(jq '.end.sum_received.bits_per_second / 1e9' <<< "$result")"
}
memory_kib() {  # PID: its own share of memory, and that of its children
  local pid
  for pid in "$1" $(pgrep -P "$1"); do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"; done | awk '{ sum += $1 } END { print sum }'
}
ban_delay() {  # METRIC COUNT
  local i delay
  for ((i = 0; i < $2; ++i)); do
    delay=$("$bin/first_drop" --from "$client" 192.0.2.66 --to "$back" 203.0.113.10 -- \
      "$bin/gatehouse" --socket "$dir/run/control.sock" ban add 192.0.2.66 --reason bench 2>> "$dir/first_drop.log") || die "a ban could not be timed"
    record "$1" gatehouse "$(tail -n 1 <<< "$delay")"
    gatehouse ban remove 192.0.2.66 > /dev/null
  done
}

progress "a ban: until its first dropped packet"
ban_delay ban 10
row "ban add, until the first dropped packet" ms smaller "$(median ban gatehouse)" aim 100

progress "$held idle connections through each proxy"
declare -A daemon=([gatehouse]=$gatehouse_pid [haproxy]=$haproxy_pid [nginx]=$nginx_pid) sink=([gatehouse]=9001 [haproxy]=9002 [nginx]=9003) holder=()
for path in "${proxies[@]}"; do
  before=$(memory_kib "${daemon[$path]}")
  read -r address port < <(target "$path" "${sink[$path]}")
  start "$client" "hold-$path" "$bin/idle_connections" hold "$address" "$port" "$held"
  holder[$path]=${pids[-1]}
  wait_until 120 "the opening of $held connections through $path" sh -c "grep -q '^open' '$dir/hold-$path.log' || ! kill -0 ${holder[$path]}"
  grep -q '^open' "$dir/hold-$path.log" || die "connections through $path: $(tail -n 1 "$dir/hold-$path.log")"
  sleep 1
  record memory "$path" "$(awk -v before="$before" -v after="$(memory_kib "${daemon[$path]}")" -v count="$held" 'BEGIN { print (after - before) / count }')"
done
rows "memory of an idle connection, $held open" KiB smaller memory haproxy nginx
row "memory of an idle connection, $held open" KiB smaller "$(median memory gatehouse)" aim 32

progress "connections opened and closed beside them"
for ((round = 0; round < rounds; ++round)); do
  for path in $(turn "$round" "${proxies[@]}"); do connect "$path" 64 loaded; done
done
rows "connections beside $held open ones" 1/s larger loaded-rate haproxy nginx
rows "connections beside $held open ones, p50" ms smaller loaded-p50 haproxy nginx
rows "connections beside $held open ones, p99" ms smaller loaded-p99 haproxy nginx

progress "a ban beside them, and a ban that ends them"
ban_delay loaded-ban $((rounds < 3 ? 3 : 10))
row "ban add beside $held sessions, until the first dropped packet" ms smaller "$(median loaded-ban gatehouse)" aim 100
for path in haproxy nginx; do kill "${holder[$path]}"; done
wait_until 30 "the end of the peers' connections" sh -c "[ \$(ip netns exec $gate ss -Htn state established | wc -l) -lt $((2 * held + 100)) ]"
begun=$EPOCHREALTIME
gatehouse ban add 192.0.2.10 --reason bench > /dev/null
wait_until 30 "the end of the banned sessions" grep -q '^closed' "$dir/hold-gatehouse.log"
read -r _ closed ended < <(grep '^closed' "$dir/hold-gatehouse.log")
[ "$closed" = "$held" ] || die "a ban ended $closed of $held sessions"
row "ban add, until $held live sessions are ended" ms smaller "$(awk -v a="$begun" -v b="$ended" 'BEGIN { print (b - a) * 1000 }')" aim 1000
gatehouse ban remove 192.0.2.10 > /dev/null

progress "a policy change that ends half of $held sessions"
half=$(((held - 16) / 2))
for from in 192.0.2.10 192.0.2.20; do
  start "$client" "half-$from" "$bin/idle_connections" hold 198.51.100.10 9001 "$half" "$from"
  half_pid=${pids[-1]}
  wait_until 120 "the opening of $half connections from $from" sh -c "grep -q '^open' '$dir/half-$from.log' || ! kill -0 $half_pid"
  grep -q '^open' "$dir/half-$from.log" || die "connections from $from: $(tail -n 1 "$dir/half-$from.log")"
done
half_pids=("${pids[@]: -2}")
start "$client" stall "$bin/stall" 198.51.100.10 9001 16
stall_pid=${pids[-1]}
wait_until 10 "the opening of the connections that are watched" grep -q '^open' "$dir/stall.log"
sed '/second-one:/d' "$dir/policy.yaml" > "$dir/half-policy.yaml"
sleep 1
begun=$EPOCHREALTIME
gatehouse apply "$dir/half-policy.yaml" --yes > /dev/null
wait_until 30 "the end of half of the sessions" grep -q '^closed' "$dir/half-192.0.2.20.log"
sleep 0.5
kill "$stall_pid"
wait_until 30 "the figure of the connections that are watched" grep -q '^longest' "$dir/stall.log"
read -r _ closed ended < <(grep '^closed' "$dir/half-192.0.2.20.log")
[ "$closed" = "$half" ] || die "the policy change ended $closed of $half sessions"
row "policy change, until $half of $((2 * half)) live sessions are ended" ms smaller "$(awk -v a="$begun" -v b="$ended" 'BEGIN { print (b - a) * 1000 }')" aim 1000
row "policy change, the longest that a byte of the others took" ms smaller "$(awk '/^longest/ { print $2 }' "$dir/stall.log")" aim 50
kill "${half_pids[0]}"
gatehouse apply "$dir/policy.yaml" --yes > /dev/null
wait_until 30 "the end of the other half" sh -c "[ \$(ip netns exec $gate ss -Htn state established | wc -l) -lt 100 ]"

progress "connections opened and closed: $rounds rounds of $seconds s"
for ((round = 0; round < rounds; ++round)); do
  for path in $(turn "$round" "${paths[@]}"); do
    connect "$path" 64 many
    connect "$path" 1 one
  done
done
rows "connections, 64 at once" 1/s larger many-rate haproxy nginx plain
rows "connections, 64 at once, p50" ms smaller many-p50 haproxy nginx plain
rows "connections, 64 at once, p99" ms smaller many-p99 haproxy nginx plain
rows "connections, one after the other" 1/s larger one-rate haproxy nginx plain
rows "connections, one after the other, p50" ms smaller one-p50 haproxy nginx plain

for streams in 1 8; do
  progress "throughput of $streams streams: $rounds rounds of $seconds s"
  for ((round = 0; round < rounds; ++round)); do
    for path in $(turn "$round" "${paths[@]}"); do
      throughput "$path" "up-$streams" -P "$streams"
      throughput "$path" "down-$streams" -P "$streams" -R
    done
  done
  rows "throughput to the backend, streams: $streams" Gbit/s larger "up-$streams" haproxy nginx plain
  rows "throughput from the backend, streams: $streams" Gbit/s larger "down-$streams" haproxy nginx plain
done

# Last, for it leaves a store behind that is no longer small.
progress "a list of 1,000,000 bans, and a ban beside them"
# Nine of ten are hosts; in no order, as lists are.
awk 'BEGIN { for (i = 0; i < 900000; ++i) { n = (i * 7919) % 4194304; printf "100.%d.%d.%d\n", 64 + int(n / 65536), int(n / 256) % 256, n % 256 }
             for (i = 0; i < 100000; ++i) { n = (i * 7919) % 131072; printf "%d.%d.%d.0/24\n", 11 + int(n / 65536), int(n / 256) % 256, n % 256 } }' > "$dir/million.txt"
begun=$EPOCHREALTIME
gatehouse ban add --file "$dir/million.txt" --reason bench > /dev/null
row "ban add --file, 1e6 bans" s smaller "$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')" aim 10
[ "$(gatehouse --json status | jq .bans)" = 1000000 ] || die "not all of 1,000,000 bans are in force"
ban_delay million-ban $((rounds < 3 ? 3 : 10))
row "ban add beside 1e6 bans, until the first dropped packet" ms smaller "$(median million-ban gatehouse)" aim 100
