#!/usr/bin/env bash
# Packs everything a virtual machine needs into one initramfs: busybox, the test programs, the daemon and its command, the tools the tests
# call, all their shared libraries, and the kernel's modules in the order in which they can be loaded.
#
#   vm-tests/initramfs.sh KERNEL_DIRECTORY BIN_DIRECTORY OUTPUT TEST...     TEST: names of programs in BIN_DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."

kernel=$1 bin=$2 output=$3
shift 3
tests=("$@")

# What the tests call, and what they need of the kernel (dependencies come by themselves; what is built in is passed over).
# sh: busybox's own shell would take its applets for the real tools.
tools=(sh ip tc ss nft bpftool ping prlimit who)
modules=(crc32c_generic crc32c-intel veth dummy 8021q tun nf_tables nft_tproxy nft_socket nft_reject_inet nft_ct nft_log nft_limit nft_fib_inet
  nft_chain_nat nft_nat nft_masq nf_log_syslog sch_ingress sch_netem cls_bpf inet_diag tcp_diag udp_diag)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# Debian's own layout: /bin, /sbin and /lib are links into /usr, so that every path of this machine is right in the guest as well.
mkdir -p "$root"/{dev,proc,sys,run,tmp,etc,root,modules,tests,usr/bin,usr/sbin,usr/lib64,var/lib,var/log}
ln -s usr/lib "$root/lib"; ln -s usr/lib64 "$root/lib64"; ln -s usr/bin "$root/bin"; ln -s usr/sbin "$root/sbin"
mkdir -p "$root/usr/lib"

copy() {  # copy FILE [TARGET]: keeps the path; links are followed
  local source=$1 target=$root${2:-$1}
  mkdir -p "$(dirname "$target")"
  cp -L "$source" "$target"
}
copy_libraries() {  # copy_libraries PROGRAM
  local library
  while read -r library; do
    [ -e "$root$library" ] || copy "$library"
  done < <(ldd "$1" 2> /dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }')
}

busybox=$(command -v busybox)
copy "$busybox" /usr/bin/busybox
while read -r applet; do ln -sf busybox "$root/usr/bin/$applet"; done < <("$busybox" --list | grep -v '^busybox$')

for tool in "${tools[@]}"; do
  program=$(PATH=$PATH:/usr/sbin:/sbin command -v "$tool") || { echo "initramfs: '$tool' is not installed: run scripts/setup.sh" >&2; exit 1; }
  rm -f "$root/usr/bin/$tool"
  copy "$program" "/usr/bin/$tool"
  copy_libraries "$program"
done

for program in gatehoused gatehouse "${tests[@]}"; do
  [ -x "$bin/$program" ] || continue
  copy "$bin/$program" "/tests/$program"
  strip --strip-debug "$root/tests/$program"
  copy_libraries "$bin/$program"
done
mkdir -p "$root$PWD"
cp -r policies "$root$PWD/policies"
for zone in UTC Europe/Warsaw; do copy "/usr/share/zoneinfo/$zone"; done
copy /usr/share/zoneinfo/tzdata.zi

printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files\nprotocols: files\n' > "$root/etc/nsswitch.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"
for file in /etc/protocols /etc/services /etc/iproute2/rt_tables; do if [ -e "$file" ]; then copy "$file"; fi; done

# Modules, each after what it depends on.
declare -A seen=()
module_file() {  # the names of modules write - and _ alike
  find "$kernel/modules" -regextype posix-extended -regex ".*/${1//[-_]/[-_]}\\.ko(\\.xz|\\.zst|\\.gz)?" -print -quit
}
add_module() {
  local name=${1//-/_} file dependency
  [ -z "${seen[$name]:-}" ] || return 0
  seen[$name]=1
  file=$(module_file "$name")
  if [ -z "$file" ]; then
    grep -qE "/${name//_/[-_]}\\.ko" "$kernel/modules/modules.builtin" || echo "initramfs: this kernel has no module $name"
    return 0
  fi
  local plain=$root/modules/$name.ko
  case "$file" in
    *.xz) xz -dc "$file" > "$plain" ;;
    *.zst) zstd -qdc "$file" > "$plain" ;;
    *.gz) gzip -dc "$file" > "$plain" ;;
    *) cp "$file" "$plain" ;;
  esac
  for dependency in $(PATH=$PATH:/usr/sbin:/sbin modinfo -F depends "$plain" | tr ',' ' '); do add_module "$dependency"; done
  echo "$name.ko" >> "$root/modules/order"
}
for module in "${modules[@]}"; do add_module "$module"; done

cp vm-tests/init "$root/init"
chmod 755 "$root/init"
printf '%s\n' "${tests[@]}" > "$root/tests/list"
mkdir -p "$(dirname "$output")"
(cd "$root" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) | gzip -1 > "$output"
