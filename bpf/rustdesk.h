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

/* A byte of the id, or 0 behind its end. */
static inline __attribute__((always_inline)) __u64 rustdesk_byte(const __u8* at, const __u8* end, const __u8 length,
                                                                 const int index) {
  if (index >= length || at + index + 1 > end) return 0;
  return at[index];
}

/* Eight of them as one word, as they stand in memory. */
static inline __attribute__((always_inline)) __u64 rustdesk_word(const __u8* at, const __u8* end, const __u8 length,
                                                                 const int first) {
  __u64 word = 0;
  PACKET_FLAT_LOOP
  for (int i = 0; i < 8; ++i) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word |= rustdesk_byte(at, end, length, first + i) << (8 * i);
#else
    word |= rustdesk_byte(at, end, length, first + i) << (56 - 8 * i);
#endif
  }
  return word;
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
  const __u64 first = rustdesk_word(at, end, length, 0);
  const __u64 second = rustdesk_word(at, end, length, 8);
  key->words[0] = first;
  key->words[1] = second;
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
