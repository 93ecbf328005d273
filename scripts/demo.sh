#!/usr/bin/env bash
# Gatehouse at work, on a network of its own: sets up and builds what is missing, makes four network namespaces (two clients, the
# gateway, the backends), starts a real RDP server and an SSH-like one behind proxy IPs, and shows who gets in, who does not, and what
# the kernel and the daemon remember of it: the RDP session is recorded. Leaves nothing behind but what is below out/demo: a picture
# and the recording. Exits 0 only if all of it happened.
#
#   scripts/demo.sh              the whole show
#   scripts/demo.sh --no-setup   without installing packages and without building
set -euo pipefail

case "${1:-}" in
  ''|--no-setup) ;;
  -h|--help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "demo: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "demo: needs root, for namespaces and BPF: run it with sudo" >&2; exit 1; }

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
die() { printf '\ndemo: %s\n' "$*" >&2; exit 1; }

if [ "${1:-}" != --no-setup ]; then
  say "Setting up and building (the first time takes some minutes)"
  scripts/setup.sh
  cmake --preset release > /dev/null
  cmake --build --preset release --target gatehoused gatehouse gatehouse-rdp
fi
bin=$PWD/build/release/bin
for program in gatehoused gatehouse gatehouse-rdp; do
  [ -x "$bin/$program" ] || die "$bin/$program is missing: run scripts/demo.sh without --no-setup"
done

id=ghd$$
dir=$(mktemp -d /tmp/gatehouse-demo.XXXXXX)
out=$PWD/out/demo
mkdir -p "$out" "$dir/home"
export HOME=$dir/home
unset DISPLAY XAUTHORITY
alice=$id-alice eve=$id-eve gate=$id-gate back=$id-back
pids=()

clean_up() {
  local status=$? pid
  trap - EXIT INT TERM
  if [ "$status" != 0 ] && [ -s "$dir/gatehoused.log" ]; then
    echo "--- the daemon's last words" >&2
    tail -n 20 "$dir/gatehoused.log" >&2
  fi
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do
    timeout 10 tail --pid="$pid" -f /dev/null 2> /dev/null || kill -9 "$pid" 2> /dev/null || true
  done
  umount "$dir/bpf" 2> /dev/null || true
  local namespace
  for namespace in "$alice" "$eve" "$gate" "$back"; do ip netns delete "$namespace" 2> /dev/null || true; done
  rm -rf "$dir"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_until SECONDS WHAT COMMAND...: polls; dies with WHAT when the time is over.
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "$what did not happen in time"
    sleep 0.1
  done
}
in_namespace() { ip netns exec "$@"; }
gatehouse() { "$bin/gatehouse" --socket "$dir/run/control.sock" "$@"; }
show() { printf '\n\033[2m$ %s\033[0m\n' "$*"; }

say "Four namespaces: alice and eve (clients), the gateway, the backends"
for namespace in "$alice" "$eve" "$gate" "$back"; do
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
done
# link NAMESPACE IPV4 GATEWAY_IPV4 IPV6 GATEWAY_IPV6 INTERFACE: a wire to the gateway, and the way back over it.
link() {
  ip link add "$6" netns "$gate" type veth peer name eth0 netns "$1"
  ip -n "$1" address add "$2" dev eth0
  ip -n "$1" address add "$4" dev eth0 nodad
  ip -n "$gate" address add "$3" dev "$6"
  ip -n "$gate" address add "$5" dev "$6" nodad
  ip -n "$1" link set eth0 up
  ip -n "$gate" link set "$6" up
  ip -n "$1" route add default via "${3%/*}"
  ip -n "$1" -6 route add default via "${5%/*}"
}
link "$alice" 192.0.2.10/25 192.0.2.1/25 2001:db8:1::10/64 2001:db8:1::1/64 alice0
link "$eve" 192.0.2.200/25 192.0.2.129/25 2001:db8:2::200/64 2001:db8:2::1/64 eve0
link "$back" 203.0.113.10/24 203.0.113.1/24 2001:db8:3::10/64 2001:db8:3::1/64 back0
in_namespace "$gate" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
echo "alice 192.0.2.10, eve 192.0.2.200, backends 203.0.113.10; proxy IPs out of 198.51.100.0/24 and 2001:db8:64::/64"

say "The backends: a real RDP server on its own screen, and an SSH-like server"
screen() {  # screen NAME: starts an X server, leaves its display in $dir/NAME
  Xvfb -displayfd 1 -screen 0 1024x768x24 -nolisten tcp -noreset > "$dir/$1" 2> "$dir/$1.log" &
  pids+=($!)
  wait_until 15 "the X server of $1" test -s "$dir/$1"
}
screen server-screen
screen client-screen
server_display=:$(cat "$dir/server-screen")
client_display=:$(cat "$dir/client-screen")
DISPLAY=$server_display xsetroot -solid '#2a6f97'
DISPLAY=$server_display xmessage -geometry +300+300 'The desktop behind the gate' > /dev/null 2>&1 &
pids+=($!)
DISPLAY=$server_display ip netns exec "$back" freerdp-shadow-cli3 /port:3389 /bind-address:203.0.113.10 -auth /sec:tls > "$dir/shadow.log" 2>&1 &
pids+=($!)
ip netns exec "$back" socat TCP6-LISTEN:22,ipv6only=0,reuseaddr,fork SYSTEM:'echo SSH-2.0-demo; cat' > "$dir/socat.log" 2>&1 &
pids+=($!)
wait_until 20 "the RDP server" sh -c "ip netns exec $back ss -Hltn 'sport = :3389' | grep -q ."

say "The gateway"
mkdir -p "$dir/bpf" "$dir/run" "$dir/state"
mount -t bpf bpf "$dir/bpf"
cat > "$dir/gatehouse.yaml" <<YAML
instance: demo
interfaces: [alice0, eve0]
bpffs: $dir/bpf
state_dir: $dir/state
run_dir: $dir/run
login_records: off
rdp: { backend_security: tls, recordings: $dir/recordings }
YAML
cat > "$dir/policy.yaml" <<'YAML'
pools:
  demo: [198.51.100.0/24, 2001:db8:64::/64]
users:
  alice: { sources: [192.0.2.10, 2001:db8:1::/64] }
  eve: { sources: [192.0.2.200] }
servers:
  desktop: { address: 203.0.113.10 }
  shell: { address: 203.0.113.10 }
services:
  desktop-rdp: { server: desktop, proxy_ip: 198.51.100.10, port: 3389, kind: rdp }
  shell-ssh: { server: shell, proxy_ip: 198.51.100.20, port: 22, kind: relay, protocol: ssh }
  shell-ssh6: { server: shell, proxy_ip: "2001:db8:64::20", port: 22, kind: relay, protocol: ssh }
grants:
  alice-desktop: { user: alice, server: desktop, protocol: rdp, channels: [clipboard], recording: required }
  alice-shell: { user: alice, server: shell, protocol: ssh }
  eve-shell: { user: eve, server: shell, protocol: ssh }
YAML
ip netns exec "$gate" "$bin/gatehoused" --config "$dir/gatehouse.yaml" 2> "$dir/gatehoused.log" &
pids+=($!)
wait_until 20 "the daemon" gatehouse status
show gatehouse apply policy.yaml --yes
gatehouse apply "$dir/policy.yaml" --yes
show gatehouse status
gatehouse status

say "Alice, who has a grant, opens the desktop: 198.51.100.10 stands for the backend"
DISPLAY=$client_display ip netns exec "$alice" xfreerdp3 /v:198.51.100.10 /u:bob /p:pw /cert:ignore /sec:tls /size:1024x768 > "$dir/xfreerdp.log" 2>&1 &
desktop_session=$!
pids+=("$desktop_session")
desktop_is_seen() {
  DISPLAY=$client_display import -window root "$out/desktop.png" || return 1
  # The blue of the server's screen is the mean colour of the client's.
  DISPLAY=$client_display import -window root -resize '1x1!' -depth 8 rgb:- | od -An -tu1 |
    awk '{ exit !(($1 - 42) ^ 2 + ($2 - 111) ^ 2 + ($3 - 151) ^ 2 < 1500) }'
}
wait_until 30 "the desktop in alice's window" desktop_is_seen
echo "the server's desktop is on alice's screen: $out/desktop.png"
DISPLAY=$client_display xdotool mousemove 350 320 click 1
for proxy in 198.51.100.20:22 '[2001:db8:64::20]:22'; do
  banner=$(in_namespace "$alice" timeout 5 socat -u "TCP:$proxy" - < /dev/null | head -n 1) || true
  [ "$banner" = SSH-2.0-demo ] || die "alice did not reach the shell through $proxy (got '$banner')"
  echo "alice reaches the shell through $proxy: $banner"
done

say "Eve has no grant for the desktop: the daemon denies the first attempt, the kernel drops the second"
number() { gatehouse status --json | jq -r "$1"; }
attempt() { in_namespace "$eve" timeout 2 socat -u TCP:198.51.100.10:3389,connect-timeout=1 - < /dev/null 2>&1 | tail -n 1 | sed 's/^.* E //'; }
echo "first attempt:  $(attempt)"
wait_until 5 "the denial" sh -c "[ \"\$('$bin/gatehouse' --socket '$dir/run/control.sock' status --json | jq .gate.denied)\" = 1 ]"
accepted=$(number .gate.accepted)
dropped=$(number .counters.verdict_dropped)
echo "second attempt: $(attempt)"
[ "$(number .gate.accepted)" = "$accepted" ] || die "the second attempt reached the daemon"
[ "$(number .counters.verdict_dropped)" -gt "$dropped" ] || die "the kernel did not count the second attempt"
echo "connections the daemon has seen: $accepted before, $(number .gate.accepted) after; verdicts the kernel dropped by: $dropped before, $(number .counters.verdict_dropped) after"
show bpftool map dump pinned .../gatehouse/demo/denied_flows
bpftool map dump pinned "$dir/bpf/gatehouse/demo/denied_flows"
show gatehouse check --source 192.0.2.200 --dest 198.51.100.10 --port 3389
gatehouse check --source 192.0.2.200 --dest 198.51.100.10 --port 3389 && die "check allows what was denied"

say "Alice is banned in the middle of her session"
kill -0 "$desktop_session" 2> /dev/null || die "alice's session ended before it was banned"
show gatehouse ban add 192.0.2.10 --reason demonstration --for 10m
gatehouse ban add 192.0.2.10 --reason demonstration --for 10m
wait_until 5 "the end of alice's session" sh -c "! '$bin/gatehouse' --socket '$dir/run/control.sock' sessions --open --json | jq -e '.sessions[]'"
before=$(number .counters.banned_host_dropped)
in_namespace "$alice" timeout 2 socat -T 1 - TCP:198.51.100.20:22,connect-timeout=1 < /dev/null > /dev/null 2>&1 && die "alice got in although she is banned"
[ "$(number .counters.banned_host_dropped)" -gt "$before" ] || die "the guard did not drop alice's packets"
echo "her window is gone, and her packets die at the interface: $(number .counters.banned_host_dropped) dropped"

say "What is remembered"
show gatehouse sessions
gatehouse sessions
gatehouse sessions --json | jq -e '.sessions[] | select(.service == "desktop-rdp" and .end_reason == "banned" and .bytes_to_client > 0)' > /dev/null || die "the session's row does not say that a ban ended it"
show gatehouse audit
gatehouse audit

say "Alice's session was recorded: the picture, what happened, and signatures over both"
session=$(gatehouse sessions --json | jq -r '[.sessions[] | select(.service == "desktop-rdp")][0].id')
show gatehouse recording list
wait_until 10 "the end of the recording" sh -c "'$bin/gatehouse' --socket '$dir/run/control.sock' recording list --json | jq -e '.recordings[] | select(.state == \"ended\")'"
gatehouse recording list
show gatehouse recording verify "$session"
gatehouse recording verify "$session"
rm -rf "$out/recording"
show gatehouse recording export "$session" --to "$out/recording"
gatehouse recording export "$session" --to "$out/recording"
track=$(find "$out/recording" -name events.jsonl)
show cat "$track"
cat "$track"
grep -q '"event":"click"' "$track" || die "the click is not in the event track"
echo "the video is $(find "$out/recording" -name 000.mp4); with \`api\` in the configuration its page is /recordings/$session"

say "Done: allowed, recorded, denied, dropped in the kernel, banned, remembered. The picture is in $out/desktop.png"
