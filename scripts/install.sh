#!/usr/bin/env bash
# From a checkout to a gateway that runs, on Debian 12 or 13, as root: installs what is needed, builds, installs below /usr, writes the
# configuration and starts the service. A configuration that is there stays as it is.
#
#   scripts/install.sh --interface eth0 [--interface eth1 ...] [--record]
#
#   --interface NAME   where clients' packets arrive
#   --record           RDP sessions pass workers of an account of their own (gatehouse-rdp) and are recorded (docs/rdp.md)
set -euo pipefail
cd "$(dirname "$0")/.."

interfaces=() record=
while [ $# -gt 0 ]; do
  case "$1" in
    --interface) [ $# -ge 2 ] || { echo "install: --interface needs a name" >&2; exit 2; }
                 interfaces+=("$2"); shift 2 ;;
    --record) record=1; shift ;;
    -h|--help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "install: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
done
configuration=/etc/gatehouse/gatehouse.yaml
[ "$(id -u)" = 0 ] || { echo "install: needs root: run it with sudo" >&2; exit 1; }
if [ ! -e "$configuration" ] && [ ${#interfaces[@]} = 0 ]; then
  echo "install: where do clients' packets arrive? Give --interface, with a name that 'ip -br link' shows" >&2
  exit 2
fi
for interface in "${interfaces[@]}"; do
  [ -e "/sys/class/net/$interface" ] || { echo "install: there is no interface '$interface': 'ip -br link' shows them" >&2; exit 2; }
done

scripts/setup.sh --build
cmake --preset release > /dev/null
cmake --build --preset release --target gatehoused gatehouse gatehouse-rdp
cmake --install build/release --prefix /usr > /dev/null
completions=/usr/share/bash-completion/completions
if [ -d "$completions" ]; then gatehouse completion bash > "$completions/gatehouse"; fi
if [ -e "$configuration" ]; then
  echo "install: $configuration is there already and stays as it is"
else
  list=$(printf ', %s' "${interfaces[@]}")
  install -d -m 755 /etc/gatehouse
  sed "s/^interfaces: .*/interfaces: [${list:2}]/" scripts/deploy/gatehouse.yaml > "$configuration"
  chmod 640 "$configuration"
  if [ -n "$record" ]; then
    getent passwd gatehouse-rdp > /dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin gatehouse-rdp
    sed -i 's/^# rdp: /rdp: /' "$configuration"
  fi
fi
systemctl daemon-reload
systemctl enable --now gatehouse
gatehouse status
