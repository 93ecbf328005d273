/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The id in a RustDesk heartbeat, so that one of a banned device ends here: each device sends one every 15 seconds, and
 * one that gets no answer every 3. Only the form that every client writes is read, in frames without VLAN tags, IP
 * options or extension headers; anything else goes on to the daemon, which judges all that is left in any form.
 *
 * A datagram is one message without a length in front. RendezvousMessage.register_peer is field 6, RegisterPeer.id its
 * field 1, both with a length (rendezvous.proto of RustDesk; Protocol Buffers encoding):
 * 32 LL 0a NN id...
 */
#ifndef GATEHOUSE_RUSTDESK_H
#define GATEHOUSE_RUSTDESK_H

#include "packet.h"

enum rustdesk_heartbeat {
  RUSTDESK_UDP_BYTES = 8,
  RUSTDESK_HEAD_BYTES = 4,
  RUSTDESK_TAG_REGISTER_PEER = 0x32,
  RUSTDESK_TAG_ID = 0x0a,
  RUSTDESK_ID_BYTES = 16, /* of a device_key */
  RUSTDESK_FOUND = 0x10000,
};

union rustdesk_words {
  struct device_key key;
  volatile __u64 words[2];
};

/*
 * The id is read in parts of four bytes, and what is left of it byte by byte: each length of a frame is one way through
 * the program. Asking the frame and the id's length anew for each byte would be many hundred, and without CAP_PERFMON
 * Linux 6.1 follows each of them to its end.
 */
struct rustdesk_parts {
  __u32 part[RUSTDESK_ID_BYTES / 4];
};

/* The bytes that are left, at most three, as they stand in memory. */
static inline __attribute__((always_inline)) __u32 rustdesk_tail(const __u8* at, const __u8* end) {
  __u32 first = 0;
  __u32 second = 0;
  __u32 third = 0;
  if (at + 3 <= end) {
    first = at[0];
    second = at[1];
    third = at[2];
  } else if (at + 2 <= end) {
    first = at[0];
    second = at[1];
  } else if (at + 1 <= end) {
    first = at[0];
  }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return first | second << 8 | third << 16;
#else
  return first << 24 | second << 16 | third << 8;
#endif
}

static inline __attribute__((always_inline)) struct rustdesk_parts rustdesk_read_parts(const __u8* at,
                                                                                       const __u8* end) {
  struct rustdesk_parts parts = {{0, 0, 0, 0}};
  if (at + 4 > end) {
    parts.part[0] = rustdesk_tail(at, end);
    return parts;
  }
  parts.part[0] = packet_read_part(at);
  at = packet_step(at, 4);
  if (at + 4 > end) {
    parts.part[1] = rustdesk_tail(at, end);
    return parts;
  }
  parts.part[1] = packet_read_part(at);
  at = packet_step(at, 4);
  if (at + 4 > end) {
    parts.part[2] = rustdesk_tail(at, end);
    return parts;
  }
  parts.part[2] = packet_read_part(at);
  at = packet_step(at, 4);
  if (at + 4 > end) {
    parts.part[3] = rustdesk_tail(at, end);
    return parts;
  }
  parts.part[3] = packet_read_part(at);
  return parts;
}

/* A word with only its first bytes in memory kept; `bytes`: 1 to 8. */
static inline __attribute__((always_inline)) __u64 rustdesk_first_bytes(const __u64 word, const __u32 bytes) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return word & (~0ULL >> (64 - 8 * bytes));
#else
  return word & (~0ULL << (64 - 8 * bytes));
#endif
}

/* `at`: the UDP header. */
static inline __attribute__((always_inline)) int rustdesk_read_datagram(const __u8* at, const __u8* end,
                                                                        union rustdesk_words* key) {
  if (at + RUSTDESK_UDP_BYTES + RUSTDESK_HEAD_BYTES > end) return 0;
  const int port = packet_read16(at);
  at = packet_step(at, RUSTDESK_UDP_BYTES);
  if (at[0] != RUSTDESK_TAG_REGISTER_PEER || at[2] != RUSTDESK_TAG_ID) return 0;
  const __u8 length = at[3];
  if (length == 0 || length > RUSTDESK_ID_BYTES) return 0;
  at = packet_step(at, RUSTDESK_HEAD_BYTES);
  const struct rustdesk_parts parts = rustdesk_read_parts(at, end);
  /* Behind the id stands what else the message has, or padding. */
  const __u64 first = word_of(parts.part[0], parts.part[1]);
  const __u64 second = word_of(parts.part[2], parts.part[3]);
  key->words[0] = length < 8 ? rustdesk_first_bytes(first, length) : first;
  key->words[1] = length > 8 ? rustdesk_first_bytes(second, length - 8) : 0;
  return RUSTDESK_FOUND | port;
}

/* RUSTDESK_FOUND with the source port: it is a heartbeat, and its id is in `key`. */
static inline __attribute__((always_inline)) int rustdesk_read_id(const __u8* data, const __u8* end,
                                                                  union rustdesk_words* key) {
  if (data + ETHERNET_BYTES + IPV4_BYTES + RUSTDESK_UDP_BYTES > end) return 0;
  const __u16 ether_type = packet_read16(data + 12);
  if (ether_type == ETHER_TYPE_IPV4) {
    if (data[ETHERNET_BYTES] != 0x45) return 0;
    if ((packet_read16(data + ETHERNET_BYTES + 6) & 0x3fff) != 0) return 0; /* a fragment */
    return rustdesk_read_datagram(packet_step(data, ETHERNET_BYTES + IPV4_BYTES), end, key);
  }
  if (ether_type != ETHER_TYPE_IPV6) return 0;
  if (data + ETHERNET_BYTES + IPV6_BYTES + RUSTDESK_UDP_BYTES > end) return 0;
  if (data[ETHERNET_BYTES + 6] != PROTOCOL_UDP) return 0;
  return rustdesk_read_datagram(packet_step(data, ETHERNET_BYTES + IPV6_BYTES), end, key);
}

#endif
