/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the addresses and the destination port of a frame: Ethernet, up to two VLAN tags (802.1Q, 802.1ad), IPv4 with
 * options, IPv6 with extension headers, TCP and UDP. It takes bytes from the network, so it trusts no length. It also
 * compiles in user space, where tests/fuzz runs it: there every access is a copy, for a frame may begin anywhere.
 *
 * What has a whole IP header has a source, and is judged by it, whatever is broken or missing behind it: fragments,
 * cut-off headers and chains of extension headers that are too long only have no port.
 *
 * It goes over what has a variable length in fixed steps: a program whose owner has CAP_BPF but not CAP_PERFMON may not
 * add an unknown number to a packet pointer, and reading kernel memory is no right that a gateway should need.
 *
 * Facts: RFC 791 (IPv4), RFC 8200 (IPv6 and its extension headers), RFC 4302 section 2.2 (length of AH), RFC 9293
 * (TCP), IEEE 802.1Q.
 */
#ifndef GATEHOUSE_PACKET_H
#define GATEHOUSE_PACKET_H

#include "contract.h"
#include "words.h"

/*
 * Loops are laid out flat for the kernel: without CAP_PERFMON the verifier also follows every branch the processor
 * might guess wrongly, and in that way around a loop for ever.
 */
#ifdef __bpf__
#define PACKET_FLAT_LOOP _Pragma("clang loop unroll(full)")
#else
#define PACKET_FLAT_LOOP
#endif

enum packet_shape {
  PACKET_OTHER = 0,     /* not IP: ARP and the like */
  PACKET_MALFORMED = 1, /* says it is IP, but has no whole header of it */
  PACKET_IP = 2,
};

enum packet_limits {
  PACKET_MAX_VLAN_TAGS = 2,
  PACKET_MAX_EXTENSION_UNITS = 16, /* of 8 bytes, of all extension headers together */
};

enum packet_ether_type {
  ETHER_TYPE_IPV4 = 0x0800,
  ETHER_TYPE_VLAN = 0x8100,
  ETHER_TYPE_IPV6 = 0x86dd,
  ETHER_TYPE_SERVICE_VLAN = 0x88a8,
};

enum packet_protocol {
  PROTOCOL_HOP_BY_HOP = 0,
  PROTOCOL_TCP = 6,
  PROTOCOL_UDP = 17,
  PROTOCOL_ROUTING = 43,
  PROTOCOL_FRAGMENT = 44,
  PROTOCOL_AUTHENTICATION = 51,
  PROTOCOL_DESTINATION_OPTIONS = 60,
};

enum packet_sizes {
  ETHERNET_BYTES = 14,
  VLAN_TAG_BYTES = 4,
  IPV4_BYTES = 20,
  IPV6_BYTES = 40,
  IPV4_OPTION_WORDS = 10, /* at most */
  EXTENSION_UNIT_BYTES = 8,
  PORTS_BYTES = 4,
  TCP_FLAGS_OFFSET = 13,
};

enum packet_tcp_flags {
  TCP_FLAG_SYN_BIT = 0x02,
  TCP_FLAG_ACK_BIT = 0x10,
};

struct packet {
  struct flow_key flow; /* port 0 where there is none */
  __u32 opening;        /* 1: TCP with SYN and without ACK */
};

/* What is behind the addresses of a packet. It stays in registers until all of it is known: see words.h on what a write
 * to the stack costs. */
struct packet_end {
  __u16 port;
  __u8 l4proto;
  __u32 opening;
};

/* A part of an address, as it stands in the frame. */
static inline __attribute__((always_inline)) __u32 packet_read_part(const __u8* at) {
  __u32 part;
#ifdef __bpf__
  /* Lets clang read it at once: the kernel puts IP headers where that is allowed. */
  at = __builtin_assume_aligned(at, 4);
#endif
  __builtin_memcpy(&part, at, sizeof(part));
  return part;
}

/* at + bytes, in a way that clang does not turn several steps into one of a computed length. */
static inline __attribute__((always_inline)) const __u8* packet_step(const __u8* at, const int bytes) {
  at += bytes;
  __asm__ volatile("" : "+r"(at));
  return at;
}

static inline __attribute__((always_inline)) __u16 packet_read16(const __u8* at) {
  return at[0] << 8 | at[1];
}

static inline __attribute__((always_inline)) void packet_set_address(struct gatehouse_address* address, __u32 first,
                                                                     __u32 second, __u32 third, __u32 fourth) {
  const __u64 words[2] = {word_of(first, second), word_of(third, fourth)};
  __builtin_memcpy(address->bytes, words, sizeof(words));
}

static inline __attribute__((always_inline)) void packet_set_v4(struct gatehouse_address* address, const __u8* at) {
  packet_set_address(address, 0, 0, mapped_part(), packet_read_part(at));
}

static inline __attribute__((always_inline)) void packet_set_v6(struct gatehouse_address* address, const __u8* at) {
  packet_set_address(address, packet_read_part(at), packet_read_part(at + 4), packet_read_part(at + 8),
                     packet_read_part(at + 12));
}

static inline __attribute__((always_inline)) __u8* packet_bytes(struct packet* packet) {
#ifdef __cplusplus
  return reinterpret_cast<__u8*>(packet);
#else
  return (__u8*)packet;
#endif
}

/* One word, in one piece. */
static inline __attribute__((always_inline)) void packet_set_end(struct packet* packet, const struct packet_end* from) {
  const __u64 word = word_of(end_of(from->port, from->l4proto, 0), from->opening);
  __builtin_memcpy(packet_bytes(packet) + __builtin_offsetof(struct packet, flow.port), &word, sizeof(word));
}

static inline __attribute__((always_inline)) void packet_read_ports(const __u8* at, const __u8* end,
                                                                    struct packet_end* to) {
  if (to->l4proto != PROTOCOL_TCP && to->l4proto != PROTOCOL_UDP) return;
  if (at + PORTS_BYTES > end) return;
  to->port = packet_read16(at + 2);
  if (to->l4proto != PROTOCOL_TCP || at + TCP_FLAGS_OFFSET + 1 > end) return;
  to->opening = (at[TCP_FLAGS_OFFSET] & (TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT)) == TCP_FLAG_SYN_BIT;
}

static inline __attribute__((always_inline)) void packet_read_behind_v4(const __u8* at, const __u8* end,
                                                                        const int header_words, struct packet_end* to) {
  to->l4proto = at[9];
  const int is_later_fragment = (packet_read16(at + 6) & 0x1fff) != 0;
  if (is_later_fragment) return;
  at = packet_step(at, IPV4_BYTES);
  PACKET_FLAT_LOOP
  for (int i = 0; i < IPV4_OPTION_WORDS; ++i) {
    if (IPV4_BYTES / 4 + i < header_words) at = packet_step(at, 4);
  }
  packet_read_ports(at, end, to);
}

static inline __attribute__((always_inline)) enum packet_shape packet_read_v4(const __u8* at, const __u8* end,
                                                                              struct packet* packet) {
  if (at + IPV4_BYTES > end || at[0] >> 4 != 4) return PACKET_MALFORMED;
  const int header_words = at[0] & 0x0f;
  if (header_words * 4 < IPV4_BYTES) return PACKET_MALFORMED;
  packet_set_v4(&packet->flow.source, at + 12);
  packet_set_v4(&packet->flow.destination, at + 16);
  struct packet_end found = {0, 0, 0};
  packet_read_behind_v4(at, end, header_words, &found);
  packet_set_end(packet, &found);
  return PACKET_IP;
}

static inline __attribute__((always_inline)) int packet_is_extension(__u8 next) {
  return next == PROTOCOL_HOP_BY_HOP || next == PROTOCOL_ROUTING || next == PROTOCOL_DESTINATION_OPTIONS ||
         next == PROTOCOL_FRAGMENT || next == PROTOCOL_AUTHENTICATION;
}

/* Follows the extension headers from `at`, the first of which is a `next`. */
static inline __attribute__((always_inline)) void packet_read_behind_v6(const __u8* at, const __u8* end, __u8 next,
                                                                        struct packet_end* to) {
  int units_left = 0; /* of the header that `at` is inside of */
  PACKET_FLAT_LOOP
  for (int unit = 0; unit < PACKET_MAX_EXTENSION_UNITS; ++unit) {
    if (units_left == 0) {
      to->l4proto = next;
      if (!packet_is_extension(next)) {
        packet_read_ports(at, end, to);
        return;
      }
      if (at + EXTENSION_UNIT_BYTES > end) return;
      const __u8 header = next;
      next = at[0];
      if (header == PROTOCOL_FRAGMENT) {
        const int is_later_fragment = (packet_read16(at + 2) & 0xfff8) != 0;
        if (is_later_fragment) {
          to->l4proto = next;
          return;
        }
        units_left = 1;
      } else if (header == PROTOCOL_AUTHENTICATION) {
        if (at[1] % 2 != 0) return; /* in IPv6 a whole number of units */
        units_left = at[1] / 2 + 1;
      } else {
        units_left = at[1] + 1;
      }
    }
    --units_left;
    at = packet_step(at, EXTENSION_UNIT_BYTES);
  }
}

static inline __attribute__((always_inline)) enum packet_shape packet_read_v6(const __u8* at, const __u8* end,
                                                                              struct packet* packet) {
  if (at + IPV6_BYTES > end || at[0] >> 4 != 6) return PACKET_MALFORMED;
  packet_set_v6(&packet->flow.source, at + 8);
  packet_set_v6(&packet->flow.destination, at + 24);
  const __u8 next = at[6];
  struct packet_end found = {0, 0, 0};
  packet_read_behind_v6(packet_step(at, IPV6_BYTES), end, next, &found);
  packet_set_end(packet, &found);
  return PACKET_IP;
}

/* `packet` is aligned to 8 bytes. With PACKET_IP all of it is written, as far as the frame goes; else nothing. */
static inline __attribute__((always_inline)) enum packet_shape packet_read(const __u8* at, const __u8* end,
                                                                           struct packet* packet) {
  if (at + ETHERNET_BYTES > end) return PACKET_OTHER;
  __u16 ether_type = packet_read16(at + 12);
  at = packet_step(at, ETHERNET_BYTES);
  PACKET_FLAT_LOOP
  for (int i = 0; i < PACKET_MAX_VLAN_TAGS; ++i) {
    if (ether_type != ETHER_TYPE_VLAN && ether_type != ETHER_TYPE_SERVICE_VLAN) break;
    if (at + VLAN_TAG_BYTES > end) return PACKET_OTHER;
    ether_type = packet_read16(at + 2);
    at = packet_step(at, VLAN_TAG_BYTES);
  }
  if (ether_type == ETHER_TYPE_IPV4) return packet_read_v4(at, end, packet);
  if (ether_type == ETHER_TYPE_IPV6) return packet_read_v6(at, end, packet);
  return PACKET_OTHER;
}

#endif
