#!/usr/bin/env bash
# Installs everything that Gatehouse needs to be built, tested, demonstrated and measured, on Debian 12 or 13, as root.
# Idempotent. Everything comes from the machine's own apt sources; on Debian 12 the backports suite of the same mirror
# is added (FreeRDP 3 lives there).
#
#   scripts/setup.sh            all of it
#   scripts/setup.sh --build    only what a build needs
#   scripts/setup.sh --run      only what the installed daemon needs
set -euo pipefail

what=${1:---all}
case "$what" in
  --all|--build|--run) ;;
  -h|--help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "setup: unknown option '$what' (see --help)" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "setup: needs root, to install packages: run it with sudo" >&2; exit 1; }
[ -r /etc/os-release ] || { echo "setup: /etc/os-release is missing: this is not a Debian system" >&2; exit 1; }
# shellcheck disable=SC1091
. /etc/os-release
codename=${VERSION_CODENAME:-}
case "$codename" in
  bookworm|trixie) ;;
  *) echo "setup: Debian 12 (bookworm) or 13 (trixie) is needed, this is '${PRETTY_NAME:-unknown}'" >&2; exit 1 ;;
esac

export DEBIAN_FRONTEND=noninteractive
apt_get() { apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

# The mirror and its key, from the source that already serves the codename: prints "URI KEYRING".
mirror_of_codename() {
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -r "$file" ] || continue
    awk -v codename="$codename" '
      function flush() { if (uri != "" && serves && !done) { print uri, key; done = 1 } uri = ""; key = ""; serves = 0 }
      /^[[:space:]]*$/ { flush(); next }
      /^#/ { next }
      tolower($1) == "uris:" { uri = $2 }
      tolower($1) == "signed-by:" { key = $2 }
      tolower($1) == "suites:" { for (i = 2; i <= NF; i++) if ($i == codename) serves = 1 }
      END { flush() }' "$file"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] || continue
    awk -v codename="$codename" '
      $1 == "deb" { key = ""; field = 2
        if ($2 ~ /^\[/) { while (field <= NF) { if (match($field, /signed-by=[^]]*/)) key = substr($field, RSTART + 10, RLENGTH - 10)
                                                if ($field ~ /\]$/) break; field++ } field++ }
        if ($(field + 1) == codename) { print $field, key; exit } }' "$file"
  done
}

if [ "$codename" = bookworm ]; then
  list=/etc/apt/sources.list.d/gatehouse-backports.sources
  if ! grep -rqsE "^[^#]*${codename}-backports" /etc/apt/sources.list /etc/apt/sources.list.d/; then
    read -r uri key < <(mirror_of_codename | head -n 1) || true
    [ -n "${uri:-}" ] || { echo "setup: no apt source for $codename found below /etc/apt: add one, then run this again" >&2; exit 1; }
    { echo "Types: deb"; echo "URIs: $uri"; echo "Suites: ${codename}-backports"; echo "Components: main"
      if [ -n "${key:-}" ]; then echo "Signed-By: $key"; fi; } > "$list"
    echo "setup: added ${codename}-backports to the apt sources ($list)"
  fi
fi

refreshed=
refresh() {
  [ -z "$refreshed" ] || return 0
  refreshed=1
  echo "setup: refreshing the package lists"
  # A third-party source that is out of order must not stop the set-up: what is missing shows in the install below.
  apt_get update > /dev/null || echo "setup: some package lists could not be refreshed; going on with what there is" >&2
}

run=(iproute2 nftables libbpf1 libnftnl11 libmnl0 libsqlite3-0 libsodium23 libdate-tz3 tzdata)
if [ "$codename" = bookworm ]; then run+=(libssl3); else run+=(libssl3t64); fi
if [ "$codename" = bookworm ]; then run+=(libavformat59 libswscale6); else run+=(libavformat61 libswscale8); fi
if [ "$codename" = bookworm ]; then run+=(libnettle8); else run+=(libnettle8t64); fi
run+=(libseccomp2 libfreerdp3-3 libfreerdp-client3-3 libfreerdp-server3-3 libwinpr3-3)
build=(build-essential g++ cmake ninja-build pkg-config git
  clang-19 lld-19 llvm-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev bpftool libelf-dev zlib1g-dev
  libbpf-dev libnftnl-dev libmnl-dev libsqlite3-dev libsqlitecpp-dev libyaml-cpp-dev libcli11-dev libspdlog-dev
  libfmt-dev nlohmann-json3-dev libhowardhinnant-date-dev libsystemd-dev libsodium-dev libssl-dev libseccomp-dev libgtest-dev libgmock-dev libbenchmark-dev)
build+=(nettle-dev freerdp3-dev libx11-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev)
if [ "$codename" = bookworm ]; then build+=(libboost1.81-dev); else build+=(libboost-dev); fi
tests=(haproxy nginx-light libnginx-mod-stream xvfb xauth imagemagick xdotool x11-utils x11-xserver-utils openssh-client openssl python3-jsonschema ffmpeg chromium
  qemu-system-x86 busybox-static cpio xz-utils zstd sqlite3 curl jq socat python3 procps iputils-ping tcpdump shellcheck dbus
  systemd kmod iperf3 wrk strace coreutils)
# What shows files of logins: `last` of util-linux; Debian 13 has another one, which takes them over first.
if [ "$codename" = bookworm ]; then tests+=(util-linux); else tests+=(wtmpdb); fi
freerdp=(freerdp3-shadow-x11 freerdp3-x11 freerdp3-proxy freerdp2-x11 python3-venv winpr3-utils xrdp xorgxrdp xclip fuse3)

# Services that come with a package are not to be started on the machine of somebody who only runs the tests.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod 755 "$policy"; made_policy=1; fi
trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT

install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  refresh
  echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
  apt_get install --no-install-recommends "${missing[@]}" > /tmp/gatehouse-setup.$$.log 2>&1 || {
    tail -n 20 /tmp/gatehouse-setup.$$.log >&2
    rm -f /tmp/gatehouse-setup.$$.log
    echo "setup: the packages above could not be installed: mend the apt sources, then run this again" >&2
    exit 1
  }
  rm -f /tmp/gatehouse-setup.$$.log
}

install "${run[@]}"
if [ "$what" != --run ]; then install "${build[@]}"; fi
if [ "$what" = --all ]; then
  install "${tests[@]}"
  # Tests start it themselves; it is not to listen after the next boot.
  if [ ! -e /usr/sbin/xrdp ]; then
    mkdir -p /etc/systemd/system
    for unit in xrdp xrdp-sesman; do ln -sf /dev/null "/etc/systemd/system/$unit.service"; done
  fi
  install "${freerdp[@]}"
fi
echo "setup: done"
