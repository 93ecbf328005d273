#!/usr/bin/env bash
# Gets a Debian cloud kernel for the virtual machines: the newest of a series that apt offers, unpacked without being installed, kept in a
# cache. Prints the directory, which then holds vmlinuz, modules/ and version.
#
#   vm-tests/kernel.sh SERIES CACHE      SERIES: 6.1, 6.12
# Exit codes: 0 done; 3 apt offers no kernel of this series here; 1 anything else.
set -euo pipefail

series=$1 cache=$2
mkdir -p "$cache"

# One of today is new enough, and spares the questions to apt.
fresh=$(find "$cache" -mindepth 2 -maxdepth 2 -path "$cache/linux-image-$series.*/version" -mtime -1 | sort -V | tail -n 1)
if [ -n "$fresh" ]; then
  dirname "$fresh"
  exit 0
fi

# Names carry the version and rotate: linux-image-6.1.0-47-cloud-amd64, linux-image-6.12.95+deb12-cloud-amd64.
pattern="^linux-image-${series//./\\.}\\.[0-9]+[-+.a-z0-9]*-cloud-amd64\$"
mapfile -t packages < <(apt-cache search --names-only "$pattern" | awk '{ print $1 }' | sort -rV)
if [ ${#packages[@]} -eq 0 ]; then
  echo "kernel: apt offers no $series cloud kernel here" >&2
  exit 3
fi

# unpack PACKAGE: into the cache. In a shell of its own, for `set -e` does not hold in a function that is asked for its result.
unpack() {
  bash -euo pipefail -c '
    package=$1 cache=$2
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    trap "rm -rf \"$work\"" EXIT
    (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$package" > download.log 2>&1) || { cat "$work/download.log" >&2; exit 1; }
    dpkg-deb -x "$work"/*.deb "$work/root"
    image=$(echo "$work"/root/boot/vmlinuz-*)
    version=${image##*/vmlinuz-}
    modules=$work/root/lib/modules/$version
    [ -d "$modules" ] || modules=$work/root/usr/lib/modules/$version
    mkdir "$work/kernel"
    mv "$image" "$work/kernel/vmlinuz"
    mv "$modules" "$work/kernel/modules"
    echo "$version" > "$work/kernel/version"
    mv -T "$work/kernel" "$cache/$package"
  ' unpack "$1" "$cache"
}

# The newest three: a package list may be a little older than the mirror.
for package in "${packages[@]:0:3}"; do
  if [ -s "$cache/$package/version" ] || { echo "kernel: fetching $package" >&2; unpack "$package"; }; then
    echo "$cache/$package"
    exit 0
  fi
done
echo "kernel: none of ${packages[*]:0:3} could be fetched: run 'apt-get update', then this again" >&2
exit 1
