/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys on the stack, written in whole words of 8 bytes. Without CAP_PERFMON Linux 6.1 lets no part be overwritten of a
 * word whose value it knows, be it by a program's own hand or because clang uses the place for something else. So a key
 * lives in a union with as many words as it needs, and is written in these.
 *
 * And as few writes as can be: without CAP_PERFMON every kernel puts a barrier (lfence, about 6 ns) behind nearly every
 * write to the stack, against guesses that read what stood there before.
 */
#ifndef GATEHOUSE_WORDS_H
#define GATEHOUSE_WORDS_H

#include "contract.h"

/* One word out of two halves, in the order in which they stand in memory. */
static inline __attribute__((always_inline)) __u64 word_of(const __u32 first, const __u32 second) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const __u64 high = second;
  return high << 32 | first;
#else
  const __u64 high = first;
  return high << 32 | second;
#endif
}

/* The end of the keys: a port and two bytes. */
static inline __attribute__((always_inline)) __u32 end_of(const __u16 port, const __u8 l4proto, const __u8 last) {
  const __u32 protocol = l4proto;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const __u32 high = last;
  return high << 24 | protocol << 16 | port;
#else
  const __u32 high = port;
  return high << 16 | protocol << 8 | last;
#endif
}

/* The third of the four parts of an IPv4-mapped address; the first two are 0, the fourth is the IPv4 address. */
static inline __attribute__((always_inline)) __u32 mapped_part(void) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return 0xffff0000;
#else
  return 0x0000ffff;
#endif
}

static inline __attribute__((always_inline)) __u32 part_of(const struct gatehouse_address* address, const long index) {
  __u32 part;
  __builtin_memcpy(&part, address->bytes + 4 * index, sizeof(part));
  return part;
}

#endif
