/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's types that the programs use, and no more, so that a build reads nothing of the machine's kernel. All of
 * them belong to the kernel's user-space interface (include/uapi/linux/bpf.h, socket.h), which never changes. The two
 * contexts are not marked preserve_access_index on purpose: the verifier itself turns their offsets into those of the
 * running kernel, and refuses a context pointer that a CO-RE relocation moved. A structure from inside the kernel,
 * should one ever be read, gets that attribute: its offsets differ from kernel to kernel, and libbpf puts them in
 * (CO-RE).
 */
#ifndef GATEHOUSE_VMLINUX_H
#define GATEHOUSE_VMLINUX_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;

enum { false = 0, true = 1 };

enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_LPM_TRIE = 11,
  BPF_MAP_TYPE_SOCKMAP = 15,
  BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
  BPF_ANY = 0,
  BPF_NOEXIST = 1,
};

enum {
  BPF_F_NO_PREALLOC = 1,
};

enum xdp_action {
  XDP_ABORTED = 0,
  XDP_DROP = 1,
  XDP_PASS = 2,
};

enum sk_action {
  SK_DROP = 0,
  SK_PASS = 1,
};

enum {
  AF_INET = 2,
  AF_INET6 = 10,
};

struct bpf_sock;

struct xdp_md {
  __u32 data;
  __u32 data_end;
  __u32 data_meta;
  __u32 ingress_ifindex;
  __u32 rx_queue_index;
  __u32 egress_ifindex;
};

struct bpf_sk_lookup {
  __u64 cookie;
  __u32 family;
  __u32 protocol;
  __u32 remote_ip4; /* network order, as every address here */
  __u32 remote_ip6[4];
  __be16 remote_port;
  __u16 unused;
  __u32 local_ip4;
  __u32 local_ip6[4];
  __u32 local_port; /* host order */
  __u32 ingress_ifindex;
};

#endif
